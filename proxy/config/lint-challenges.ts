import type { LoadedConfig, LoadedRoute } from './loaded.ts'
import type { Finding } from './problem.ts'

/**
 * A folder for certbot that a route hides. What `tls.automatic` has to prove comes before every route; whose files lie in
 * `acmeWebroot` is not known here, and so they come after.
 */
export function warnOfHiddenChallenges({ listeners, routes }: LoadedConfig): Finding[] {
  return Object.entries(listeners).flatMap(([name, { acmeWebroot }]) => {
    if (acmeWebroot === undefined) return []
    const hiding = routes.filter((route) => route.listeners?.includes(name) && takesChallenges(route))
    const [first] = hiding
    // Whoever has a route for the challenges themselves has thought of them.
    if (first === undefined || routes.some((route) => isForChallenges(route) && coversAll(route, name)))
      return []
    const hosts = [...new Set(hiding.flatMap(({ match }) => match.host ?? []))]
    const isForAll = hiding.some(({ match }) => match.host === undefined)
    const whom = isForAll || hosts.length === 0 ? '' : ` for ${hosts.join(', ')}`
    return [
      {
        path: ['listeners', name, 'acmeWebroot'],
        message: `is never looked into${whom}: the route ${first.name} on line ${first.line} takes ${folder}/ as well`,
        mend: `add a route for it: { match: { path: ${folder} }, listeners: [${name}], files: ${acmeWebroot}${folder} }`,
      },
    ]
  })
}

// --- internal ---

const folder = '/.well-known/acme-challenge'
const segments = [...folder.split('/').slice(1), 'token']

function takesChallenges({ match }: LoadedRoute): boolean {
  if (match.methods !== undefined && !match.methods.includes('GET')) return false
  return match.path.some((path) => {
    const pattern = path.split('/').filter((segment) => segment !== '')
    if (pattern.length > segments.length || (match.exact && pattern.length < segments.length)) return false
    return pattern.every((segment, at) => segment.startsWith(':') || segment === segments[at])
  })
}

function isForChallenges({ match }: LoadedRoute): boolean {
  return match.path.some((path) => path === folder || path.startsWith(`${folder}/`))
}

function coversAll({ match, listeners }: LoadedRoute, name: string): boolean {
  return match.host === undefined && listeners?.includes(name) === true
}
