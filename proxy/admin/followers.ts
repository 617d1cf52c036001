import type { IncomingMessage, ServerResponse } from 'node:http'
import { duration } from '../config/units.ts'
import type { TargetNews, ToldTarget } from '../upstreams/leases/news.ts'
import { problem } from './reply.ts'
import type { TargetReport } from './upstream-report.ts'

/** Programs that want to hear of targets as they come, change and go. */
export interface Followers {
  /** Whether the request asks to follow: `GET /v1/upstreams` as an event stream, or with `since`. */
  owns(request: IncomingMessage): boolean
  answer(request: IncomingMessage, response: ServerResponse): void
  tell(news: TargetNews): void
  close(): void
}

export interface FollowersSettings {
  /** Of the last news. It is greater after a restart. */
  sequence(): number
  /** All targets as those who serve are told of them. */
  whole(): readonly ToldTarget[]
  /** As `GET /v1/upstreams` shows them. */
  reports(): Promise<readonly TargetReport[]>
}

/** A follower that does not read is let go, or it would fill the memory. Bytes. */
const mostUnread = 4 * 1024 * 1024
const mostFollowers = 100
/** Milliseconds. Something in between may end a connection on which nothing is said. */
const commentEvery = 15_000
const longestWait = 60_000

/**
 * An event stream begins with all targets (`targets`) and goes on with what changes (`change`), each numbered. With
 * `?since=NUMBER` the answer waits until there is something newer than that, `wait=30s` at most.
 */
export function createFollowers({ sequence, whole, reports }: FollowersSettings): Followers {
  const streams = new Set<ServerResponse>()
  const waiting = new Set<() => void>()
  const comments = setInterval(() => {
    for (const stream of streams) say(stream, ': still here\n\n')
  }, commentEvery).unref()

  function say(stream: ServerResponse, text: string): void {
    stream.write(text)
    if (stream.writableLength > mostUnread) stream.destroy()
  }

  function stream(response: ServerResponse): void {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
    streams.add(response)
    response.once('close', () => streams.delete(response))
    say(response, eventOf('targets', sequence(), { targets: whole().map(shown) }))
  }

  async function waitFor(response: ServerResponse, wait: number): Promise<void> {
    const news = Promise.withResolvers<void>()
    const timer = setTimeout(news.resolve, wait)
    waiting.add(news.resolve)
    response.once('close', news.resolve)
    await news.promise
    clearTimeout(timer)
    waiting.delete(news.resolve)
  }

  async function poll(response: ServerResponse, query: URLSearchParams): Promise<void> {
    const given = duration.safeParse(query.get('wait') ?? '30s')
    const since = query.get('since') ?? ''
    if (!given.success || !/^\d{1,16}$/.test(since))
      return sendText(
        response,
        400,
        problem(400, 'bad_request', '`since` is a number, and `wait` a time such as 30s.').body,
      )
    if (Number(since) === sequence()) await waitFor(response, Math.min(longestWait, given.data))
    if (response.destroyed) return
    const body = JSON.stringify({ sequence: sequence(), targets: await reports() })
    sendText(response, 200, `${body}\n`)
  }

  return {
    owns({ method, url, headers }) {
      if (method !== 'GET' || !/^\/v1\/upstreams(\?|$)/.test(url ?? '')) return false
      return headers.accept?.includes('text/event-stream') === true || /[?&]since=/.test(url ?? '')
    },
    answer(request, response) {
      if (streams.size + waiting.size >= mostFollowers)
        return sendText(
          response,
          503,
          problem(503, 'overloaded', `There are ${mostFollowers} followers.`).body,
        )
      if (request.headers.accept?.includes('text/event-stream')) return stream(response)
      const query = new URL(request.url ?? '', 'http://localhost').searchParams
      poll(response, query).catch(() => response.destroy())
    },
    tell({ sequence, put, gone }) {
      for (const wake of waiting) wake()
      if (streams.size === 0) return
      const left = gone.map((name) => {
        const [upstream, key, id] = name.split('\0')
        return { upstream, key: key || undefined, id }
      })
      const text = eventOf('change', sequence, { put: put.map(shown), gone: left })
      for (const stream of streams) say(stream, text)
    },
    close() {
      clearInterval(comments)
      for (const stream of streams) stream.end()
      for (const wake of waiting) wake()
    },
  }
}

// --- internal ---

/** Names of the fields that a target is sent. Their values are credentials, and whoever reaches this listener may follow. */
function shown({ headers = {}, ...target }: ToldTarget): object {
  return { ...target, headers: Object.keys(headers) }
}

function eventOf(event: string, id: number, data: object): string {
  return `event: ${event}\nid: ${id}\ndata: ${JSON.stringify(data)}\n\n`
}

function sendText(response: ServerResponse, status: number, body: string): void {
  const type = status === 200 ? 'application/json; charset=utf-8' : 'application/problem+json'
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
  })
  response.end(body)
}
