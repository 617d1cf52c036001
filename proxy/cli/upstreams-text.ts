import type { TargetReport } from '../admin/upstream-report.ts'
import { fitTable } from './fit-table.ts'

/**
 * The table of `gatehouse upstreams`. `empty`: upstreams that nobody has announced himself to. `columns`: of the terminal.
 * Where the last one finds no room, what is wrong stands below its target: it is what one came for.
 */
export function upstreamsText(
  targets: readonly TargetReport[],
  empty: readonly string[],
  columns = Number.POSITIVE_INFINITY,
): string {
  if (targets.length + empty.length === 0) return 'There are no targets.'
  const heading = ['target', 'address', 'health', 'in flight', 'heartbeat', 'age', 'reason or last error']
  const rows = targets.map((target) => [
    [target.upstream, target.key, target.id].filter(Boolean).join('/'),
    target.url,
    target.health,
    String(target.inFlight),
    heartbeatOf(target),
    target.lease ? seconds(target.lease.ageMs) : '',
    target.reason ?? target.lastError ?? '',
  ])
  rows.push(...empty.map((name) => [name, '', 'away', '', '', '', 'nothing has announced itself']))
  const whole = fitTable({ heading, rows })
  const lines = [whole.heading, ...whole.rows]
  if (lines.every(({ length }) => length <= columns)) return lines.join('\n')
  const spare = ['age', 'heartbeat', 'in flight', 'address']
  const fitted = fitTable({ heading: heading.slice(0, -1), rows, spare }, columns)
  const withReasons = fitted.rows.flatMap((line, at) => {
    const reason = rows[at]?.at(-1)
    return reason ? [line, `    ${reason}`] : [line]
  })
  return [fitted.heading, ...withReasons].join('\n')
}

// --- internal ---

function heartbeatOf({ lease }: TargetReport): string {
  if (lease === undefined) return 'fixed'
  const { sinceHeartbeatMs, ttlMs } = lease
  return sinceHeartbeatMs === undefined
    ? 'by another proxy'
    : `${seconds(sinceHeartbeatMs)} of ${seconds(ttlMs)}`
}

function seconds(ms: number): string {
  const whole = Math.round(ms / 1000)
  if (whole < 120) return `${whole}s`
  return whole < 7200 ? `${Math.round(whole / 60)}m` : `${Math.round(whole / 3600)}h`
}
