import type { IncomingMessage, ServerResponse } from 'node:http'
import type { LoadedConfig } from '../../config/loaded.ts'
import { type ExchangeFilter, readFilter } from '../../observability/exchange-filter.ts'
import type { Followed } from '../../observability/followed-exchanges.ts'
import { logger } from '../../observability/logger.ts'
import { type AdminReply, problem } from '../reply.ts'
import { createGate, isForeign } from './gate.ts'
import { createMeter, type WorkerTotals } from './meter.ts'
import type { Overview } from './overview.ts'
import { readTyped, testRequest } from './route-tester.ts'
import { createStreams, eventOf, mostStreams } from './streams.ts'

/** What the dashboard needs from the running proxy. */
export interface DashboardSource {
  /** Absolute, of routes.yaml. */
  readonly folder: string
  /** What all workers have counted, and what has ended of what is followed. */
  watch(
    filters: readonly ExchangeFilter[],
  ): Promise<readonly (WorkerTotals & { readonly followed: Followed })[]>
  overview(): Promise<Overview>
  /** The table that is in force. */
  config(): LoadedConfig
}

/** What lies below `/dashboard/api/`. The page itself is files, which hold nothing that is worth a password. */
export interface Dashboard {
  /** `path`: below `/dashboard`. `body`: what JSON said, if the request had any. */
  answer(request: IncomingMessage, response: ServerResponse, path: string, body: unknown): Promise<void>
  close(): void
}

/** Milliseconds between two looks at the workers while somebody looks on. */
const beat = 1_000
/** In beats: without anybody, for the history alone; and how often everything else is told. */
const idleBeats = 10
const overviewBeats = 3

export function createDashboard(source: DashboardSource): Dashboard {
  const gate = createGate(source.folder, (sentence) => log.error(sentence))
  const meter = createMeter()
  const streams = createStreams()
  let beats = 0
  let working = false
  const timer = setInterval(() => void tick(), beat).unref()

  async function tick(): Promise<void> {
    beats++
    if (working || (streams.size === 0 && beats % idleBeats !== 0)) return
    working = true
    try {
      const filters = streams.filters()
      const workers = await source.watch(filters)
      const figures = meter.measure(workers)
      streams.tell('figures', figures)
      streams.tellFollowed(
        filters,
        workers.map(({ followed }) => followed),
      )
      if (streams.size > 0 && beats % overviewBeats === 0) streams.tell('overview', await source.overview())
    } catch (error) {
      log.error('the figures of the dashboard cannot be read', { error })
    } finally {
      working = false
    }
  }

  async function follow(response: ServerResponse, query: URLSearchParams, isWelcome: () => boolean) {
    let filter: ExchangeFilter | undefined
    try {
      const asked = { route: query.get('route'), status: query.get('status'), from: query.get('from') }
      filter = query.has('follow') ? readFilter(asked) : undefined
    } catch (error) {
      return send(response, problem(400, 'bad_request', (error as Error).message))
    }
    const overview = await source.overview()
    if (response.destroyed) return
    if (!streams.add(response, filter, isWelcome))
      return send(response, problem(503, 'overloaded', `${mostStreams} pages look on already.`))
    response.write(eventOf('history', { points: meter.history() }))
    response.write(eventOf('overview', overview))
  }

  async function signIn(response: ServerResponse, body: unknown): Promise<void> {
    const { user, password } = (body ?? {}) as Record<string, unknown>
    if (typeof user !== 'string' || typeof password !== 'string')
      return send(response, problem(400, 'bad_request', 'Send {"user":"…","password":"…"} as JSON.'))
    const outcome = await gate.signIn(user, password)
    if ('cookie' in outcome)
      return send(response, json({ user: outcome.user }), { 'set-cookie': outcome.cookie })
    const { status, sentence, retryAfter } = outcome
    log.warn('a sign-in to the dashboard failed', { status })
    const code = status === 401 ? 'credentials_invalid' : status === 429 ? 'rate_limited' : 'unavailable'
    const wait: Record<string, string> = retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) }
    send(response, problem(status, code, sentence), wait)
  }

  async function test(response: ServerResponse, body: unknown): Promise<void> {
    try {
      send(response, json(await testRequest(readTyped(body), source.config())))
    } catch (error) {
      send(response, problem(400, 'bad_request', (error as Error).message))
    }
  }

  return {
    async answer(request, response, path, body) {
      const [name = '', search = ''] = path.split('?', 2)
      const asked = `${request.method} ${name}`
      if (isForeign(request))
        return send(response, problem(403, 'origin_denied', 'A page of another origin sent this.'))
      if (asked === 'POST /api/session') return signIn(response, body)
      if (asked === 'DELETE /api/session')
        return send(response, json({ user: null }), { 'set-cookie': gate.signOut })
      const visitor = gate.visitorOf(request)
      if (asked === 'GET /api/session') return send(response, json({ user: visitor?.user ?? null }))
      if (visitor === undefined)
        return send(response, problem(401, 'credentials_required', 'Sign in to see the dashboard.'))
      switch (asked) {
        case 'GET /api/stream':
          return follow(response, new URLSearchParams(search), visitor.isWelcome)
        case 'POST /api/test':
          return test(response, body)
        default:
          return send(response, problem(404, 'no_route', 'Nothing is served at this address.'))
      }
    },
    close() {
      clearInterval(timer)
      streams.close()
    },
  }
}

// --- internal ---

const log = logger.child('dashboard')

function json(value: unknown): AdminReply {
  return { status: 200, type: 'application/json; charset=utf-8', body: `${JSON.stringify(value)}\n` }
}

function send(
  response: ServerResponse,
  { status, type, body }: AdminReply,
  fields: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    ...fields,
  })
  response.end(body)
}
