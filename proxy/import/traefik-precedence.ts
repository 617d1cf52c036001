import { closedUntilDecided, closePath, closeRoute, isClosed, isWithin } from './guards.ts'
import type { Imported, ImportedRoute } from './imported.ts'

/** Which of several routers takes a request: in Traefik the longer rule, here the more specific match. */
export interface Precedence {
  readonly imported: Imported
  /** Paths of routers that lead nowhere here: others would serve them. */
  readonly closed: Pick<ImportedRoute, 'hosts' | 'listeners' | 'path' | 'exact' | 'line'>[]
  /** Rules of routers that guard and cannot be read. */
  readonly odd: { readonly rule: string; readonly line: number }[]
  /** What Traefik goes by where several routers fit: the length of a rule, unless it is said. */
  readonly priorities: Map<ImportedRoute, number>
}

/** What a router kept from others must not be theirs now that it is left out, or comes after them. */
export function closeWhatIsLost({ imported, closed, odd, priorities }: Precedence): void {
  const { routes } = imported
  for (const { rule } of odd) {
    const hosts = [...rule.matchAll(/\bHost\(([^)]*)\)/g)].flatMap(([, list = '']) =>
      [...list.matchAll(/[`"']([^`"']+)[`"']/g)].map(([, host = '']) => host),
    )
    for (const route of routes)
      if (hosts.length === 0 || route.hosts.length === 0 || route.hosts.some((host) => hosts.includes(host)))
        closeRoute(route)
  }
  for (const place of closed) closePath(routes, place)
  for (const [inner, own] of priorities)
    for (const [outer, others] of priorities) {
      const takesFirst = others > own && inner !== outer && isGuardedBeyond(outer, inner)
      if (!takesFirst || !isWithin(inner.path, outer.path) || isClosed(inner)) continue
      if (
        inner.hosts.length > 0 &&
        outer.hosts.length > 0 &&
        !inner.hosts.some((host) => outer.hosts.includes(host))
      )
        continue
      closeRoute(inner)
      imported.leftOut.push({
        line: inner.line,
        text: `routers.${inner.name}`,
        why: `${outer.name} goes before it in Traefik, by its longer rule or its priority, and guards: ${closedUntilDecided}`,
      })
    }
}

// --- internal ---

function isGuardedBeyond(outer: ImportedRoute, inner: ImportedRoute): boolean {
  return ['allow', 'deny', 'basicAuth', 'forwardAuth'].some(
    (policy) => policy in outer.policies && !(policy in inner.policies),
  )
}
