import type { Facts } from '../facts.ts'
import { withoutPathParameters } from './canonical-path.ts'
import { createPathTree, type Params, type PathTree } from './path-tree.ts'
import type { Route } from './route.ts'

/**
 * Host and path → route. The most specific route wins: exact host before wildcard before none, then the path
 * (see `path-tree.ts`), then the order of the file. A route whose listener or method does not fit is passed
 * over, and the next is asked.
 */
export interface RouteTable {
  readonly routes: readonly Route[]
  match(facts: MatchedFacts): Match
}

/** What of a request decides its route. */
export type MatchedFacts = Pick<Facts, 'listener' | 'method' | 'host' | 'path'>

export type Match =
  | {
      readonly found: 'route'
      readonly route: Route
      readonly params: Params
      /** The part of the path that the route's pattern took: `/desktop/alice`, or an empty string for `/`. */
      readonly prefix: string
    }
  | { readonly found: 'nothing' }
  /** Readers disagree about which route the path is: `/close;x` is /close to one and not to another. */
  | { readonly found: 'ambiguous' }

export function buildRouteTable(routes: readonly Route[]): RouteTable {
  const trees = new Map<string | undefined, PathTree<Route>>()
  for (const route of routes) {
    for (const host of route.hosts) {
      const tree = trees.get(host) ?? createPathTree<Route>()
      trees.set(host, tree)
      for (const path of route.config.match.path) tree.add(path, route.config.match.exact, route)
    }
  }
  return { routes, match: (facts) => matchFacts(trees, facts) }
}

function matchFacts(trees: ReadonlyMap<string | undefined, PathTree<Route>>, facts: MatchedFacts): Match {
  const match = search(trees, facts, facts.path)
  const bare = withoutPathParameters(facts.path)
  if (bare === facts.path) return match
  const other = search(trees, facts, bare)
  const same =
    match.found === 'route'
      ? other.found === 'route' && other.route === match.route
      : other.found === match.found
  return same ? match : { found: 'ambiguous' }
}

const nothing: Match = Object.freeze({ found: 'nothing' })

function search(
  trees: ReadonlyMap<string | undefined, PathTree<Route>>,
  facts: MatchedFacts,
  path: string,
): Match {
  let params: Params | undefined
  let prefix = ''
  const accept = (route: Route, values: Params, end: number): boolean => {
    if (!route.listeners.has(facts.listener)) return false
    if (route.methods !== undefined && !route.methods.has(facts.method)) return false
    params = values
    prefix = path.slice(0, end)
    return true
  }
  const dot = facts.host.indexOf('.')
  const route =
    trees.get(facts.host)?.find(path, accept) ??
    (dot > 0 ? trees.get(`*${facts.host.slice(dot)}`)?.find(path, accept) : undefined) ??
    trees.get(undefined)?.find(path, accept)
  return route === undefined ? nothing : { found: 'route', route, params: params as Params, prefix }
}
