import type { ExchangeRecord } from './exchange-record.ts'
import { redactText, redactUrl } from './redaction.ts'

/** What was decided about one request, or about bytes that were none. No header and no query is in it. */
export interface RecentDecision {
  /** Unix milliseconds of the last time, and how often the same was decided in a row. */
  readonly at: number
  readonly times: number
  readonly client: string
  readonly listener: string
  /** Undefined where there was no request that could be read: then `error` is Node's code of what was wrong. */
  readonly request?: {
    readonly secure: boolean
    readonly protocol: string
    readonly method: string
    readonly host: string
    readonly path: string
    readonly upgrade: boolean
  }
  readonly status: number
  readonly decision: 'allow' | 'deny' | 'error'
  readonly route?: string
  readonly rule?: string
  readonly upstream?: string
  readonly policy?: string
  readonly reason?: string
  readonly error?: string
  readonly observed?: readonly { readonly policy: string; readonly reason: string }[]
  readonly requestId?: string
}

/** The last decisions about each of the clients that came last. */
export interface RecentDecisions {
  /** Costs a look-up and an object; never throws. */
  note(record: ExchangeRecord): void
  noteClientError(listener: string, code: string, client: string): void
  /** The newest first. */
  about(client: string): RecentDecision[]
  /** Of all clients, the newest first, at most so many. */
  latest(most: number): RecentDecision[]
}

/**
 * Kept by client, so that a terminal that comes once an hour is not pushed out by a browser that comes a hundred times
 * a second: the last eight of each of the last few thousand addresses, about 4 MB, or 40 MB of nothing but long texts.
 * Addresses that are made up push out no more than the oldest: two generations take turns, and who comes back moves into
 * the younger one.
 */
export function createRecentDecisions(mostClients = 2_000): RecentDecisions {
  let young = new Map<string, Kept[]>()
  let old = new Map<string, Kept[]>()

  function keptOf(client: string): Kept[] {
    const found = young.get(client)
    if (found !== undefined) return found
    const kept = old.get(client) ?? []
    if (young.size >= mostClients) {
      old = young
      young = new Map()
    }
    young.set(client, kept)
    return kept
  }

  function keep(kept: Kept[], next: Kept): void {
    const last = kept.at(-1)
    if (last !== undefined && isSame(last, next)) {
      last.at = next.at
      last.id = next.id
      last.times++
      return
    }
    if (kept.length >= mostOfOne) kept.shift()
    kept.push(next)
  }

  return {
    note(record) {
      keep(keptOf(record.clientAddress), keptFrom(record))
    },
    noteClientError(listener, code, client) {
      keep(keptOf(client), { ...nothing, at: Date.now(), times: 1, client, listener, error: code })
    },
    about: (client) => (young.get(client) ?? old.get(client) ?? []).map(shown).reverse(),
    latest(most) {
      const all = [...old].filter(([client]) => !young.has(client)).concat([...young])
      return all
        .flatMap(([, kept]) => kept)
        .sort((a, b) => b.at - a.at)
        .slice(0, most)
        .map(shown)
    },
  }
}

/** What was decided about one request that has just ended. */
export function decisionOf(record: ExchangeRecord): RecentDecision {
  return shown(keptFrom(record))
}

// --- internal ---

const mostOfOne = 8
/** Characters of a text that a client may have chosen. */
const longest = 300

/** Flat, and always with the same fields: it is made for every request. */
interface Kept {
  at: number
  times: number
  id: string
  readonly client: string
  readonly listener: string
  readonly secure: boolean
  readonly protocol: string
  readonly method: string
  readonly host: string
  readonly uri: string
  readonly kind: string
  readonly status: number
  readonly decision: 'allow' | 'deny' | 'error'
  readonly route: string | undefined
  readonly rule: string | undefined
  readonly upstream: string | undefined
  readonly policy: string | undefined
  readonly reason: string | undefined
  readonly error: string | undefined
  readonly observed: ExchangeRecord['observed']
}

const nothing = {
  id: '',
  secure: false,
  protocol: '',
  method: '',
  host: '',
  uri: '',
  kind: 'http',
  status: 0,
  decision: 'error',
  route: undefined,
  rule: undefined,
  upstream: undefined,
  policy: undefined,
  reason: undefined,
  observed: undefined,
} as const

function keptFrom(record: ExchangeRecord): Kept {
  return {
    at: record.startedAt,
    times: 1,
    id: record.id,
    client: record.clientAddress,
    listener: record.listener,
    secure: record.secure,
    protocol: record.protocol,
    method: beginningOf(record.method),
    host: beginningOf(record.host),
    uri: beginningOf(record.uri),
    kind: record.kind,
    status: record.status,
    decision: record.decision,
    route: record.route,
    rule: record.rule,
    upstream: record.target,
    policy: record.denyPolicy,
    reason: ownText(record.denyReason ?? record.detail),
    error: record.errorCode,
    observed: record.observed?.map(({ policy, reason }) => ({ policy, reason: ownText(reason) })),
  }
}

/** Any of them may be as long as a whole head, and a client with a network of addresses has thousands of entries. */
function beginningOf(text: string): string {
  return text.length > longest ? ownText(text) : text
}

/** Its beginning as a copy: what was cut out of a text, or put together from such, keeps the whole of it in memory. */
function ownText<Text extends string | undefined>(text: Text): Text {
  return (text && Buffer.from(text.slice(0, longest)).toString()) as Text
}

function isSame(a: Kept, b: Kept): boolean {
  return (
    a.uri === b.uri &&
    a.status === b.status &&
    a.method === b.method &&
    a.host === b.host &&
    a.listener === b.listener &&
    a.route === b.route &&
    a.policy === b.policy &&
    a.error === b.error
  )
}

function shown(kept: Kept): RecentDecision {
  const { at, times, client, listener, status, decision, route, rule, policy, error, observed } = kept
  const request = {
    secure: kept.secure,
    protocol: kept.protocol,
    method: kept.method,
    host: kept.host,
    path: redactUrl(kept.uri, false),
    upgrade: kept.kind === 'websocket',
  }
  return {
    at,
    times,
    client,
    listener,
    request: kept.method === '' ? undefined : request,
    status,
    decision,
    route,
    rule,
    upstream: kept.upstream === undefined ? undefined : redactUrl(kept.upstream),
    policy,
    reason: kept.reason === undefined ? undefined : redactText(kept.reason),
    error,
    observed: observed?.map(({ policy, reason }) => ({ policy, reason: redactText(reason) })),
    requestId: kept.id === '' ? undefined : kept.id,
  }
}
