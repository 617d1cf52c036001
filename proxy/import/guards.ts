import type { ImportedRoute } from './imported.ts'

/**
 * What guards a place in the other proxy must not be lost on the way: a rule that has no counterpart closes its route,
 * until somebody has decided. Open would be a way in that nobody has asked for.
 */
export function closeRoute(route: Pick<ImportedRoute, 'policies'>): void {
  route.policies.deny = ['0.0.0.0/0', '::/0']
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
