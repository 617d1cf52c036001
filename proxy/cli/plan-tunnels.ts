import { isDeepStrictEqual } from 'node:util'
import { type OpenTunnel, staysOpen } from '../cluster/old-tunnels.ts'
import type { Route } from '../request/match/route.ts'
import type { MatchedFacts, RouteTable } from '../request/match/route-table.ts'

/** A route of which tunnels would end. */
export interface EndedTunnels {
  readonly route: string
  /** An address whose tunnels end, where those on others stay: `app.example/api/admin`, or the path of any host. */
  readonly only?: string
}

/**
 * The routes whose tunnels would end, by the rule that ends them. The tunnels themselves are not known here, so it is
 * asked about what each route takes, and about what it shares with every route whose match is another.
 */
export function endedTunnels(before: RouteTable, after: RouteTable): EndedTunnels[] {
  const old = new Map(before.routes.map((route) => [route.name, route]))
  const moved = after.routes.filter((route) => !hasSameMatch(route, old.get(route.name)))
  return before.routes.flatMap((route) => {
    if (route.destination.kind !== 'upstream') return []
    const endingOf = (others: readonly Route[]): { all: boolean; first: MatchedFacts | undefined } => {
      const possible = [...samplesOf(route, others)].flatMap((facts): OpenTunnel[] => {
        const found = before.match(facts)
        return found.found === 'route' && found.route === route
          ? [{ facts, route, params: found.params }]
          : []
      })
      const ending = possible.filter((tunnel) => !staysOpen(tunnel, after))
      return { all: ending.length === possible.length, first: ending[0]?.facts }
    }
    const own = endingOf([route])
    if (own.all && own.first !== undefined) return [{ route: route.name }]
    const first = own.first ?? endingOf(moved).first
    if (first === undefined) return []
    return [{ route: route.name, only: `${first.host === anyHost ? '' : first.host}${first.path}` }]
  })
}

// --- internal ---

function hasSameMatch(route: Route, other: Route | undefined): boolean {
  return isDeepStrictEqual(matchOf(route), other && matchOf(other))
}

function matchOf({ config: { match }, listeners }: Route): unknown {
  return [match, listeners]
}

/** A handshake for each way in which a route and one of the others can both be meant. */
function* samplesOf(route: Route, others: readonly Route[]): Generator<MatchedFacts> {
  for (const other of others)
    for (const listener of route.listeners)
      for (const host of pairs(route.hosts, other.hosts, sharedHost))
        for (const path of pairs(patternsOf(route), patternsOf(other), sharedPaths))
          yield { listener, method: 'GET', host, path }
}

function pairs<T>(
  some: readonly T[],
  more: readonly T[],
  join: (a: T, b: T) => string | string[] | undefined,
): string[] {
  return some.flatMap((a) => more.flatMap((b) => join(a, b) ?? []))
}

/** A host that fits both: a name before a wildcard before any. */
function sharedHost(a: string | undefined, b: string | undefined): string | undefined {
  if (a === undefined || b === undefined) return nameFor(a ?? b)
  if (a === b) return nameFor(a)
  if (fits(a, b)) return a
  return fits(b, a) ? b : undefined
}

const anyHost = 'any.invalid'

function nameFor(host = anyHost): string {
  return host.replace(/^\*\./, 'any.')
}

function fits(host: string, wildcard: string): boolean {
  return wildcard.startsWith('*.') && host.slice(host.indexOf('.')) === wildcard.slice(1)
}

interface Pattern {
  readonly segments: readonly string[]
  readonly exact: boolean
}

function patternsOf({ config: { match } }: Route): Pattern[] {
  return match.path.map((path) => ({
    segments: path.split('/').filter((segment) => segment !== ''),
    exact: match.exact,
  }))
}

/** The shortest path that both take, and one below it. */
function sharedPaths(a: Pattern, b: Pattern): string[] {
  const [short, long] = a.segments.length <= b.segments.length ? [a, b] : [b, a]
  if (short.exact && short.segments.length < long.segments.length) return []
  const segments: string[] = []
  for (const [at, segment] of long.segments.entries()) {
    const other = short.segments[at] ?? segment
    const [isAny, isOtherAny] = [segment.startsWith(':'), other.startsWith(':')]
    if (!isAny && !isOtherAny && segment !== other) return []
    // Values differ, so that a parameter which takes another's place is seen.
    segments.push(isAny ? (isOtherAny ? `value-${at}` : other) : segment)
  }
  const path = `/${segments.join('/')}`
  return long.exact || short.exact ? [path] : [path, `/${[...segments, 'below'].join('/')}`]
}
