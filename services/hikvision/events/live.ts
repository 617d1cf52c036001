import type { Request, Response } from 'express'
import type { ShownEvent } from './shown-event.ts'

/** Everybody who watches events as they come. */
export interface Live {
  readonly watchers: number
  /** Keeps the response open and writes server-sent events to it. Answers what was missed since the number that the browser saw last. */
  watch(request: Request, response: Response, missed: readonly ShownEvent[]): void
  /** A number makes it something that a browser can ask for later. */
  tell(name: 'event' | 'job', data: { readonly id?: number; readonly device?: unknown }): void
  close(): void
}

/** Milliseconds after which silence is broken, so that nobody between takes the connection for dead. */
const breath = 15_000
/** Bytes that may wait for somebody who does not read; then they come back and ask for what they missed. */
const mostUnread = 1 << 20

export function liveEvents(): Live {
  const watchers = new Set<Response>()
  const timer = setInterval(() => write(': still here\n\n'), breath).unref()

  function write(text: string): void {
    for (const response of watchers) {
      if (response.writableLength > mostUnread) response.destroy()
      else response.write(text)
    }
  }

  return {
    get watchers() {
      return watchers.size
    },
    watch(request, response, missed) {
      response.writeHead(200, {
        'Content-Type': 'text/event-stream',
        'Cache-Control': 'no-store',
        'X-Accel-Buffering': 'no',
      })
      response.write(`retry: 2000\n\n${missed.map((event) => textOf('event', event)).join('')}`)
      watchers.add(response)
      request.once('close', () => watchers.delete(response))
      response.once('close', () => watchers.delete(response))
    },
    tell(name, data) {
      if (watchers.size > 0) write(textOf(name, data))
    },
    close() {
      clearInterval(timer)
      for (const response of watchers) response.end()
    },
  }
}

// --- internal ---

/** Only events have numbers, so that a browser that comes back names the last event that it saw. */
function textOf(name: string, data: { readonly id?: number; readonly device?: unknown }): string {
  const id = name === 'event' ? `id: ${data.id}\n` : ''
  return `${id}event: ${name}\ndata: ${JSON.stringify(data)}\n\n`
}
