import type { Overview } from '../../dashboard/overview.ts'
import { showBytes, showCount, showSpan } from '../format.ts'

/** Whether it serves, in one line, and every reason to worry. */
export function State({ overview }: { overview: Overview }) {
  const { readiness, processes, version, routes } = overview
  const { ready } = readiness
  const reasons = [...readiness.reasons, ...withoutTarget(overview)]
  const { workers } = processes
  const serving = workers.filter(({ state }) => state === 'ready')
  const oldest = Math.min(...workers.map(({ startedAt }) => startedAt))
  const memory = workers.reduce((sum, worker) => sum + worker.memory, 0)
  const tone = ready ? (reasons.length > 0 ? 'warn' : 'good') : 'bad'
  return (
    <div className={`state ${tone}`}>
      <p className="headline">
        {ready ? (reasons.length > 0 ? 'Serving, with something to look at' : 'Serving') : 'Not serving'}
      </p>
      <p className="soft">
        {`${showCount(routes.length, 'route')} · ${showCount(serving.length, 'worker')}, ${showBytes(memory)}, for ${showSpan(Date.now() - oldest)} · version ${version}`}
      </p>
      {reasons.length > 0 && (
        <ul>
          {reasons.map((reason) => (
            <li key={reason}>{reason}</li>
          ))}
        </ul>
      )}
    </div>
  )
}

/** A route may be served and still lead to nobody. */
function withoutTarget({ upstreams }: Overview): string[] {
  return upstreams.flatMap(({ name, health, targets }) => {
    if ((health.well ?? 0) > 0) return []
    const why = targets.find(({ reason }) => reason)?.reason
    return [`no target of ${name} is well${why === undefined ? '' : `: ${why}`}`]
  })
}
