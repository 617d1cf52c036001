import type { ImportedRoute } from './imported.ts'

/**
 * What guards a place in the other proxy must not be lost on the way: a rule that has no counterpart closes its route,
 * until somebody has decided. Open would be a way in that nobody has asked for.
 */
export function closeRoute(route: Pick<ImportedRoute, 'policies'>): void {
  route.policies.deny = ['0.0.0.0/0', '::/0']
}

export function isClosed({ policies: { deny } }: Pick<ImportedRoute, 'policies'>): boolean {
  return Array.isArray(deny) && deny.includes('0.0.0.0/0')
}

/**
 * Closes a path whose own rules could not be read: the routes around it would serve it otherwise, by theirs. It leads where
 * they lead. Answers whether anybody would have come.
 */
export function closePath(
  routes: ImportedRoute[],
  place: Pick<ImportedRoute, 'hosts' | 'listeners' | 'path' | 'exact' | 'line'>,
): boolean {
  const isBeside = ({ hosts, listeners }: ImportedRoute): boolean =>
    listeners.some((name) => place.listeners.includes(name)) &&
    (hosts.length === 0 || place.hosts.length === 0 || hosts.some((host) => place.hosts.includes(host)))
  const beside = routes.filter(isBeside)
  const same = beside.filter(({ path, exact }) => path === place.path && (exact || !place.exact))
  for (const route of same) closeRoute(route)
  const around = beside
    .filter((route) => !route.exact && isWithin(place.path, route.path))
    .sort((a, b) => b.path.length - a.path.length)[0]
  if (around === undefined) return same.length > 0
  if (around.path === place.path && !place.exact && around.methods === undefined) return true
  const closed: ImportedRoute = {
    ...around,
    ...routeBelow(around, place.path),
    ...place,
    name: '',
    methods: undefined,
  }
  // Nothing is served, so that nothing has to be there.
  closed.files = around.files
  closeRoute(closed)
  routes.push(closed)
  return true
}

/** Where a path below that of a route leads, by that route. */
export function routeBelow(around: ImportedRoute, path: string): Partial<ImportedRoute> {
  const rest = around.path === '/' ? path : path.slice(around.path.length)
  const { to, host, redirect, timeouts, files, prefix } = around
  const root = typeof files === 'string' ? files : files?.root
  return {
    to,
    host,
    redirect,
    timeouts,
    files: root === undefined ? undefined : `${root.replace(/\/+$/, '')}${rest}`,
    prefix: prefix === undefined ? undefined : `${prefix === 'strip' ? '' : prefix}${rest}`,
    policies: structuredClone(around.policies),
  }
}

export function isWithin(path: string, prefix: string): boolean {
  return path === prefix || path.startsWith(prefix === '/' ? '/' : `${prefix}/`)
}

export const closedUntilDecided = 'its route is closed: write who may pass, and remove its `deny`'

/** One line that lets an address pass or not. `all` stands for everybody. */
export interface AccessLine {
  readonly passes: boolean
  readonly network: string
}

/**
 * Lines of which the first that fits decides, as policies. Answers whether they mean the same: here `deny` beats `allow`
 * wherever they stand, so some are refused that passed, and nobody passes who was refused.
 */
export function applyAccess(lines: readonly AccessLine[], route: Pick<ImportedRoute, 'policies'>): boolean {
  const end = lines.findIndex(({ network }) => network === 'all')
  const before = end === -1 ? lines : lines.slice(0, end)
  const isOpen = end === -1 || lines[end]?.passes === true
  const allowed = before.filter(({ passes }) => passes).map(({ network }) => network)
  const denied = before.filter(({ passes }) => !passes).map(({ network }) => network)
  if (!isOpen && allowed.length === 0) {
    closeRoute(route)
    return true
  }
  if (!isOpen) route.policies.allow = allowed
  if (denied.length > 0) route.policies.deny = denied
  const firstAllow = before.findIndex(({ passes }) => passes)
  return denied.length === 0 || firstAllow === -1 || before.slice(firstAllow).every(({ passes }) => passes)
}
