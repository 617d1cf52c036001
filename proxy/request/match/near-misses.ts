import type { Facts } from '../facts.ts'
import type { Route } from './route.ts'

/** A route that did not win, and why. */
export interface NearMiss {
  readonly route: Route
  readonly reason: string
}

/**
 * Routes that came close: those that fit and were less specific, and those that one thing kept away. In the
 * order of the file. Why a request went elsewhere is the question behind most calls for help.
 */
export function nearMisses(routes: readonly Route[], facts: Facts, winner: Route | undefined): NearMiss[] {
  return routes.flatMap((route) => {
    if (route === winner) return []
    const against = objections(route, facts)
    if (against.length > 1 || !isNear(route, facts)) return []
    return [
      {
        route,
        reason: against[0] ?? `fits too, but ${winner?.name ?? 'another'} is more specific or stands earlier`,
      },
    ]
  })
}

function objections(route: Route, facts: Facts): string[] {
  const against: string[] = []
  const { path, exact } = route.config.match
  if (!route.hosts.some((host) => host === undefined || fitsHost(host, facts.host))) {
    against.push(`its host is ${route.hosts.join(' or ')}, not ${facts.host}`)
  }
  if (!path.some((pattern) => fitsPath(pattern, exact, facts.path))) {
    against.push(`its path is ${path.join(' or ')}${exact ? ' exactly' : ''}, not ${facts.path}`)
  }
  if (!route.listeners.has(facts.listener))
    against.push(`it answers on ${[...route.listeners].join(', ')}, not on ${facts.listener}`)
  if (route.methods !== undefined && !route.methods.has(facts.method)) {
    against.push(`it takes ${[...route.methods].join(', ')}, not ${facts.method}`)
  }
  return against
}

/** A path that begins otherwise is no miss that anybody wonders about. */
function isNear({ config }: Route, { path }: Facts): boolean {
  const [, first = ''] = path.split('/')
  return config.match.path.some((pattern) => {
    const [, wanted = ''] = pattern.split('/')
    return wanted === '' || wanted.startsWith(':') || wanted.startsWith(first) || first.startsWith(wanted)
  })
}

function fitsHost(pattern: string, host: string): boolean {
  return pattern.startsWith('*.')
    ? host.indexOf('.') > 0 && pattern.slice(1) === host.slice(host.indexOf('.'))
    : pattern === host
}

function fitsPath(pattern: string, exact: boolean, path: string): boolean {
  const wanted = pattern.split('/').filter((segment) => segment !== '')
  const given = path.split('/').filter((segment) => segment !== '')
  if (given.length < wanted.length || (exact && given.length > wanted.length)) return false
  return wanted.every((segment, index) => segment.startsWith(':') || segment === given[index])
}
