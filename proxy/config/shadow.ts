import type { LoadedConfig, LoadedRoute } from './loaded.ts'
import type { Finding } from './problem.ts'

/**
 * Routes that no request can ever reach, because earlier ones take everything: for each host and path of the route
 * and each of its listeners there are earlier routes of the same host and path that take all of its methods.
 */
export function findShadowedRoutes({ routes }: LoadedConfig): Finding[] {
  const earlier = new Map<string, Taken[]>()
  return routes.flatMap((route, index) => {
    const places = placesOf(route)
    const taking = places.map((place) => takenBy(earlier.get(place) ?? [], route))
    for (const place of places) {
      const taken = earlier.get(place) ?? []
      taken.push({
        name: route.name,
        line: route.line,
        exact: route.match.exact,
        methods: route.match.methods,
      })
      earlier.set(place, taken)
    }
    const first = taking[0]
    if (first === undefined || taking.some((by) => by === undefined)) return []
    return [
      {
        path: ['routes', index, 'match'],
        message: `is never reached: the route ${first.name} on line ${first.line} takes the same requests before it`,
        mend: 'make its `match` narrower, or remove one of the two',
      },
    ]
  })
}

interface Taken {
  readonly name: string
  readonly line: number
  readonly exact: boolean
  readonly methods?: readonly string[]
}

/** Every listener, host and path of the route, parameters without their names: /:user and /:id are one place. */
function placesOf({ listeners = [], match }: LoadedRoute): string[] {
  const hosts = match.host ?? ['']
  const paths = match.path.map((path) => path.replace(/\/:[^/]+/g, '/:').replace(/(.)\/$/, '$1'))
  return listeners.flatMap((listener) =>
    hosts.flatMap((host) => paths.map((path) => `${listener} ${host} ${path}`)),
  )
}

/** The first of the earlier routes, if together they take all that this one would. */
function takenBy(earlier: readonly Taken[], { match }: LoadedRoute): Taken | undefined {
  const wide = earlier.filter((taken) => !taken.exact || match.exact)
  if (wide.some((taken) => taken.methods === undefined))
    return wide.find((taken) => taken.methods === undefined)
  const methods = new Set(wide.flatMap((taken) => taken.methods ?? []))
  return match.methods?.every((method) => methods.has(method)) ? wide[0] : undefined
}
