import type { ServerResponse } from 'node:http'
import { type ExchangeFilter, testOf } from '../../observability/exchange-filter.ts'
import type { Followed } from '../../observability/followed-exchanges.ts'

/** Those who look, each through one event stream. */
export interface Streams {
  readonly size: number
  /** What they follow, each once. */
  filters(): ExchangeFilter[]
  /** `isWelcome`: asked each second; who is not any more is let go. Answers false if there are too many. */
  add(response: ServerResponse, filter: ExchangeFilter | undefined, isWelcome: () => boolean): boolean
  tell(event: string, data: object): void
  /** To each what fits its filter. `asked`: in the order in which workers were asked. */
  tellFollowed(asked: readonly ExchangeFilter[], all: readonly Followed[]): void
  close(): void
}

export const mostStreams = 30
/** Bytes. Who does not read is let go, or it would fill the memory; the page comes back by itself. */
const mostUnread = 512 * 1024
/** Of one second, for one page. */
const mostTold = 100

export function createStreams(): Streams {
  const streams = new Set<Stream>()

  function say({ response, isWelcome }: Stream, text: string): void {
    if (!isWelcome()) return void response.end()
    response.write(text)
    if (response.writableLength > mostUnread) response.destroy()
  }

  return {
    get size() {
      return streams.size
    },
    filters() {
      const each = new Map<string, ExchangeFilter>()
      for (const { filter, key } of streams) if (filter) each.set(key, filter)
      return [...each.values()]
    },
    add(response, filter, isWelcome) {
      if (streams.size >= mostStreams) return false
      const stream = { response, filter, key: JSON.stringify(filter ?? null), isWelcome }
      response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
      response.write('retry: 1000\n\n')
      streams.add(stream)
      response.once('close', () => streams.delete(stream))
      return true
    },
    tell(event, data) {
      const text = eventOf(event, data)
      for (const stream of streams) say(stream, text)
    },
    tellFollowed(asked, all) {
      const exchanges = all.flatMap((followed) => followed.exchanges).toSorted((a, b) => a.at - b.at)
      const texts = new Map<string, string>()
      for (const [at, filter] of asked.entries()) {
        const fits = testOf(filter)
        const wanted = exchanges.filter(({ route, status, client }) =>
          fits({ route, status, clientAddress: client }),
        )
        const missed = all.reduce((sum, followed) => sum + (followed.missed[at] ?? 0), 0)
        if (wanted.length === 0 && missed === 0) continue
        const told = wanted.slice(-mostTold)
        const data = { exchanges: told, missed: missed + wanted.length - told.length }
        texts.set(JSON.stringify(filter), eventOf('exchanges', data))
      }
      for (const stream of streams) {
        const text = texts.get(stream.key)
        if (text !== undefined) say(stream, text)
      }
    },
    close() {
      for (const { response } of streams) response.end()
    },
  }
}

/** One event of a stream, as HTML's server-sent events have it. */
export function eventOf(event: string, data: object): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`
}

// --- internal ---

interface Stream {
  readonly response: ServerResponse
  readonly filter: ExchangeFilter | undefined
  readonly key: string
  isWelcome(): boolean
}
