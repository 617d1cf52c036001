import { type ClientAddress, inNetworks, type Network, parseAddress, parseNetwork } from '../address.ts'
import type { Gatehouse } from '../gatehouse.ts'
import type { LoggedExchange } from '../observability/logged-exchange.ts'
import { createJudge, type Judgement } from './judge.ts'
import { lastExchanges } from './last-exchanges.ts'
import type { LogClock } from './replayed-limits.ts'
import { shellWord } from './shell-word.ts'

/** What a new table would make of the requests that the old one has had. */
export interface Replay {
  /** Requests that were judged by both. */
  readonly requests: number
  /** Unix milliseconds of the oldest of them. */
  readonly since: number | undefined
  /** Lines that are no exchange. */
  readonly unread: number
  /** Requests whose credentials the log hides, and which are taken to be judged by them as they were. */
  readonly assumed: number
  /** Requests that a rate limit of the new table counts by something which the log hides: they pass it here. */
  readonly uncounted: number
  /** How limits were counted; undefined where neither table has any. */
  readonly limits: ReplayedCounts | undefined
  /** The largest first. */
  readonly changes: readonly ReplayChange[]
}

/** Limits are counted from the first request that is read. What a client had used up before that is not known. */
export interface ReplayedCounts {
  /** Unix milliseconds of that request, which may stand before the oldest that was judged. */
  readonly since: number | undefined
  /** Requests that came to a limit of either table less than its window after that: they may have had less left. */
  readonly undercounted: number
}

/** Requests that change in the same way. */
export interface ReplayChange {
  readonly count: number
  /** `200 by photos`, `403 by allow`. */
  readonly before: string
  readonly after: string
  /** What all their paths begin with. */
  readonly path: string
  readonly hosts: readonly string[]
  /** How many clients they came from; ten thousand are that or more. */
  readonly addresses: number
  /** The smallest network that holds all their clients, or the clients if they are few. */
  readonly clients: readonly string[]
  /** Why the new table refuses, of the last one. */
  readonly reason: string | undefined
  /** The last one, to be asked about, as words for a shell: `GET https://localhost/close`. */
  readonly example: string
}

export interface ReplaySettings {
  readonly files: readonly string[]
  /** At most so many requests, the last ones. */
  readonly last: number
  /** Told how far the log has come: what both tables count limits by. */
  readonly clock: LogClock
  onProgress?(judged: number): void
}

/** Judges the last requests of the access logs by both tables, and gathers what changes. */
export async function replay(
  before: Gatehouse,
  after: Gatehouse,
  { files, last, clock, onProgress }: ReplaySettings,
): Promise<Replay> {
  const [judgeBefore, judgeAfter] = [createJudge(before, clock), createJudge(after, clock)]
  const windows = [before, after].flatMap(windowsOf)
  const runUp = Math.max(0, ...windows)
  const groups = new Map<string, Group>()
  let requests = 0
  let unread = 0
  let since: number | undefined
  let counted: number | undefined
  let notJudged = { assumed: 0, uncounted: 0, undercounted: 0 }
  const onUnread = (): void => void unread++
  const undercounted = (): number => Math.max(judgeBefore.undercounted, judgeAfter.undercounted)
  for await (const { logged, began, isRunUp } of lastExchanges(files, { last, runUp, onUnread })) {
    // One that lasted long is told late, and a clock does not go back.
    clock.now = Math.max(clock.now, began)
    counted ??= began
    const [was, willBe] = [await judgeBefore.judge(logged), await judgeAfter.judge(logged)]
    if (isRunUp) {
      notJudged = {
        assumed: judgeAfter.assumed,
        uncounted: judgeAfter.uncounted,
        undercounted: undercounted(),
      }
      continue
    }
    requests++
    since ??= began
    if (isOther(was, willBe)) gather(groups, { logged, was, willBe })
    if (requests % progressEvery === 0) onProgress?.(requests)
  }
  return {
    requests,
    since,
    unread,
    assumed: judgeAfter.assumed - notJudged.assumed,
    uncounted: judgeAfter.uncounted - notJudged.uncounted,
    limits:
      windows.length === 0
        ? undefined
        : { since: counted, undercounted: undercounted() - notJudged.undercounted },
    changes: [...groups.values()].map(describe).sort((a, b) => b.count - a.count),
  }
}

// --- internal ---

const progressEvery = 5_000

/** Milliseconds of each limit. */
function windowsOf({ config }: Gatehouse): number[] {
  return config.routes.flatMap(({ policies: { rateLimit } }) => (rateLimit ? [rateLimit.per] : []))
}

function isOther(was: Judgement, willBe: Judgement): boolean {
  return (
    was.status !== willBe.status || was.route !== willBe.route || was.by !== willBe.by || was.to !== willBe.to
  )
}

interface Changed {
  readonly logged: LoggedExchange
  readonly was: Judgement
  readonly willBe: Judgement
}

interface Group {
  count: number
  readonly before: string
  readonly after: string
  readonly first: Changed
  path: readonly string[]
  readonly hosts: Set<string>
  readonly clients: Map<string, ClientAddress>
}

function gather(groups: Map<string, Group>, changed: Changed): void {
  const { logged } = changed
  const [before, after] = words(changed)
  const segments = segmentsOf(logged.request.uri)
  const key = `${before} → ${after} ${segments[0] ?? ''}`
  const group = groups.get(key)
  if (group === undefined) {
    const made = {
      count: 1,
      before,
      after,
      first: changed,
      path: segments,
      hosts: new Set<string>(),
      clients: new Map(),
    }
    note(made, logged)
    groups.set(key, made)
    return
  }
  group.count++
  let shared = 0
  while (shared < group.path.length && group.path[shared] === segments[shared]) shared++
  group.path = group.path.slice(0, shared)
  note(group, logged)
}

/** More than this many different clients are told as a network of the first ones. */
const mostClients = 10_000

function note(group: Group, { request }: LoggedExchange): void {
  if (group.hosts.size < 10) group.hosts.add(request.host)
  if (group.clients.size >= mostClients || group.clients.has(request.client_ip)) return
  const address = parseAddress(request.client_ip)
  if (address !== undefined) group.clients.set(request.client_ip, address)
}

function words({ was, willBe, logged }: Changed): [before: string, after: string] {
  const [before, after] = [word(was, logged), word(willBe, logged)]
  if (before !== after) return [before, after]
  // The same, from elsewhere: what that will answer nobody knows.
  return [`${before} (${was.to})`, `passes by ${willBe.route} (${willBe.to})`]
}

/** What a client gets, by whom: of a request that passes, what it got. */
function word({ status, route, by }: Judgement, logged: LoggedExchange): string {
  const shown = status ?? (logged.decision === 'allow' ? logged.status : 'passes')
  return `${shown} by ${by ?? route ?? 'the listener'}`
}

function segmentsOf(uri: string): string[] {
  return uri
    .replace(/[?#].*$/, '')
    .split('/')
    .filter((segment) => segment !== '')
}

function describe({ count, before, after, first, path, hosts, clients }: Group): ReplayChange {
  const { request } = first.logged
  const scheme = request.tls === undefined ? 'http' : 'https'
  return {
    count,
    before,
    after,
    path: `/${path.join('/')}`,
    hosts: [...hosts].sort(),
    addresses: clients.size,
    clients: clients.size <= 3 ? [...clients.keys()].sort() : networksOf([...clients.values()]),
    reason: first.willBe.reason,
    example: `${shellWord(request.method)} ${shellWord(`${scheme}://${request.host}${request.uri}`)} --from ${request.client_ip}`,
  }
}

/** The smallest network that holds all of one kind. */
function networksOf(addresses: readonly ClientAddress[]): string[] {
  return (['ipv4', 'ipv6'] as const).flatMap((kind) => {
    const ofKind = addresses.filter(({ ip }) => ip.kind() === kind)
    const [first] = ofKind
    if (first === undefined) return []
    for (let bits = kind === 'ipv4' ? 32 : 128; bits > 0; bits--) {
      const network: Network = { ip: first.ip, bits }
      if (ofKind.every((address) => inNetworks(address, [network]))) return [firstAddress(network)]
    }
    return [kind === 'ipv4' ? '0.0.0.0/0' : '::/0']
  })
}

/** `10.8.0.0/16` of 10.8.3.4 and 16. */
function firstAddress({ ip, bits }: Network): string {
  const bytes = ip.toByteArray().map((byte, at) => {
    const kept = Math.max(0, Math.min(8, bits - at * 8))
    return byte & (0xff << (8 - kept)) & 0xff
  })
  const text =
    bytes.length === 4
      ? bytes.join('.')
      : Array.from({ length: 8 }, (_, at) =>
          (((bytes[at * 2] ?? 0) << 8) | (bytes[at * 2 + 1] ?? 0)).toString(16),
        ).join(':')
  return `${parseNetwork(text).ip.toString()}/${bits}`
}
