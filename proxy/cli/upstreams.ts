import type { RouteSummary } from '../admin/route-summary.ts'
import type { TargetReport } from '../admin/upstream-report.ts'
import { askAdmin } from './ask-admin.ts'
import { upstreamsText } from './upstreams-text.ts'

export interface UpstreamsArguments {
  readonly file: string
  /** Default: what routes.yaml says. */
  readonly admin?: string
  readonly json: boolean
}

interface Io {
  out(text: string): void
  err(text: string): void
  /** Of the terminal. Undefined: it is none. */
  columns?: number
}

/**
 * `gatehouse upstreams`: asks the running Gatehouse for each target, and names upstreams that nobody has announced himself
 * to. Exit code 0 if all are well, 1 if one is not, 2 if nobody could be asked.
 */
export async function runUpstreams({ file, admin, json }: UpstreamsArguments, io: Io): Promise<number> {
  let targets: readonly TargetReport[]
  let routes: readonly RouteSummary[]
  try {
    const at = { file, admin }
    ;[{ targets }, { routes }] = await Promise.all([
      askAdmin<{ targets: TargetReport[] }>(at, '/v1/upstreams'),
      askAdmin<{ routes: RouteSummary[] }>(at, '/v1/routes'),
    ])
  } catch (error) {
    io.err(`gatehouse upstreams: ${(error as Error).message}`)
    return 2
  }
  const empty = emptyOf(targets, routes)
  if (json) io.out(JSON.stringify({ targets, empty }, null, 2))
  else io.out(upstreamsText(targets, empty, io.columns))
  const areWell = targets.every(({ health }) => health === 'well' || health === 'draining')
  return areWell && empty.length === 0 ? 0 : 1
}

/** Upstreams of routes for services that announce themselves, of which there is none. Keyed ones come and go as users please. */
function emptyOf(targets: readonly TargetReport[], routes: readonly RouteSummary[]): string[] {
  const filled = new Set(targets.map(({ upstream }) => upstream))
  const names = routes.flatMap(({ destination }) =>
    destination.kind === 'upstream' && destination.leased && !destination.keyed ? [destination.upstream] : [],
  )
  return [...new Set(names)].filter((name) => !filled.has(name)).sort()
}
