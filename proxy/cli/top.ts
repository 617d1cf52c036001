import type { Figures } from '../admin/dashboard/meter.ts'
import type { Overview } from '../admin/dashboard/overview.ts'
import type { CommandOutput } from './explain.ts'
import { followDashboard } from './follow-dashboard.ts'
import { type Room, topText } from './top-text.ts'

export interface TopArguments {
  /** One table, and an end. */
  readonly once: boolean
  readonly file: string
  /** Default: what routes.yaml says. */
  readonly admin?: string
  readonly json: boolean
  /** How large the terminal is now: each table is written over the one before. Undefined: it is none. */
  readonly screen?: () => Room
}

/**
 * `gatehouse top`: routes, upstreams and workers of the running Gatehouse, each second anew. With `--json` an object a
 * line. Exit code 0 with `--once`, 2 if nobody could be asked.
 */
export async function runTop(
  { once, file, admin, json, screen }: TopArguments,
  io: CommandOutput,
): Promise<number> {
  let overview: Overview | undefined
  const lost = (why: string): void => io.err(`gatehouse top: ${why}; trying again`)
  const found = (): void => {
    if (!screen) io.err('gatehouse top: it is there again')
  }
  try {
    for await (const { event, data } of followDashboard({ file, admin, query: '', lost, found })) {
      if (event === 'overview') overview = data as Overview
      if (event !== 'figures' || overview === undefined) continue
      const figures = data as Figures
      // Of the first reading after a start there is nothing to tell.
      if (figures.span === 0) continue
      if (json) io.out(JSON.stringify(objectOf(figures, overview)))
      else if (once) io.out(topText(figures, overview, io.colour, screen && { columns: screen().columns }))
      else io.out(`${screen ? clear : ''}${topText(figures, overview, io.colour, screen?.())}`)
      if (once) return 0
    }
    return 0
  } catch (error) {
    io.err(`gatehouse top: ${(error as Error).message}`)
    return 2
  }
}

// --- internal ---

/** To the upper left, and nothing below: no flicker, as a cleared screen would have. */
const clear = '\u001b[H\u001b[J'

function objectOf({ at, total, routes }: Figures, { readiness, upstreams, processes }: Overview): object {
  return {
    at: new Date(at).toISOString(),
    ready: readiness.ready,
    reasons: readiness.reasons,
    total,
    routes,
    upstreams: upstreams.map(({ name, health }) => ({ name, health })),
    workers: processes.workers,
  }
}
