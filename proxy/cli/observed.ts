import { existsSync } from 'node:fs'
import { loadConfig } from '../config/load.ts'
import type { LoadedConfig } from '../config/loaded.ts'
import { didYouMean } from '../config/mend.ts'
import { formatProblem } from '../config/problem.ts'
import { duration } from '../config/units.ts'
import { linesFromEnd, parseLoggedExchange } from '../observability/logged-exchange.ts'
import { accessLogFiles } from '../rehearsal/access-log-files.ts'
import type { CommandOutput } from './explain.ts'

export interface ObservedArguments {
  /** `route.policy`, or a route. Default: all. */
  readonly policy?: string
  /** As people write it: `24h`. */
  readonly since: string
  /** Default: the access logs of routes.yaml. */
  readonly logs: readonly string[]
  readonly file: string
  readonly json: boolean
}

/** Requests that one policy of one route would have refused, of one client and path. */
interface Observed {
  readonly route: string
  readonly policy: string
  readonly client: string
  readonly path: string
  /** Of the last one. */
  readonly reason: string
  count: number
}

/**
 * `gatehouse observed`: what policies in observe mode would have refused, so that one can be enforced knowingly. Exit
 * code 0 if nobody would have been refused, 1 if somebody would, 2 if there is nothing to read.
 */
export async function runObserved(
  { policy, since, logs, file, json }: ObservedArguments,
  io: CommandOutput,
): Promise<number> {
  const span = duration.safeParse(since)
  if (!span.success) {
    io.err(`gatehouse observed: --since ${since} is not a duration; write one such as 24h`)
    return 2
  }
  const config = logs.length > 0 ? undefined : await readTable(file, io)
  if (logs.length === 0 && config === undefined) return 2
  const files = config === undefined ? logs : accessLogFiles(config)
  const missing = files.filter((name) => !existsSync(name))
  if (files.length === 0 || missing.length === files.length) {
    io.err(
      `gatehouse observed: there is no access log${missing.length > 0 ? ` at ${missing.join(', ')}` : ''}`,
    )
    return 2
  }
  const from = Date.now() / 1000 - span.data / 1000
  const found = new Map<string, Observed>()
  let requests = 0
  for (const name of files.filter((each) => !missing.includes(each)))
    for await (const line of linesFromEnd(name)) {
      const logged = parseLoggedExchange(line)
      if (logged === undefined) continue
      // Lines are written when exchanges end, so a little older ones may follow: a tunnel lasts. A minute is enough.
      if (logged.ts < from - 60) break
      if (logged.ts < from) continue
      requests++
      for (const would of logged.observed ?? []) {
        const route = logged.router ?? ''
        if (policy !== undefined && policy !== route && policy !== `${route}.${would.policy}`) continue
        const path = logged.request.uri.replace(/[?#].*$/, '')
        const key = JSON.stringify([route, would.policy, logged.request.client_ip, path])
        const known = found.get(key)
        if (known) known.count++
        else
          found.set(key, {
            route,
            policy: would.policy,
            client: logged.request.client_ip,
            path,
            reason: would.reason,
            count: 1,
          })
      }
    }
  const rows = [...found.values()].sort((a, b) => b.count - a.count)
  // Nobody would have been refused, or nobody was asked about: the one must not pass for the other.
  const doubt = rows.length > 0 || config === undefined ? undefined : doubtOf(config, policy)
  if (doubt?.isFault) {
    io.err(`gatehouse observed: ${doubt.sentence}`)
    return 2
  }
  if (json) io.out(JSON.stringify({ since, requests, observed: rows }, null, 2))
  else io.out(report(rows, requests, since))
  if (doubt !== undefined) io.err(doubt.sentence)
  return rows.length === 0 ? 0 : 1
}

// --- internal ---

async function readTable(file: string, io: CommandOutput): Promise<LoadedConfig | undefined> {
  const loaded = await loadConfig({ file })
  if (loaded.ok) return loaded.config
  for (const problem of loaded.problems) io.err(formatProblem(problem))
  return undefined
}

/** Why there is nothing to see: no such policy, or none that observes. */
function doubtOf(
  { routes, file }: LoadedConfig,
  asked: string | undefined,
): { sentence: string; isFault: boolean } | undefined {
  const policies = routes.flatMap(({ name: route, policies: { extensions, ...builtin } }) =>
    [...Object.entries(builtin), ...extensions.map(({ name, options }) => [name, options] as const)].map(
      ([name, options]) => ({
        route,
        name: `${route}.${name}`,
        observes: (options as { mode?: string } | undefined)?.mode === 'observe',
      }),
    ),
  )
  const known = [...routes, ...policies].map(({ name }) => name)
  if (asked !== undefined && !known.includes(asked)) {
    const mend = didYouMean(asked, known) ?? 'write a route, or a route and its policy, such as shop.allow'
    return { sentence: `${file} has no ${asked}; ${mend}`, isFault: true }
  }
  const meant = policies.filter(({ name, route }) => asked === undefined || asked === name || asked === route)
  if (meant.some(({ observes }) => observes)) return undefined
  const who = asked === undefined ? 'No policy is' : `${asked} is not`
  return { sentence: `${who} in observe mode now; \`mode: observe\` at a policy begins it.`, isFault: false }
}

/** More rows than this are not read by anybody; `--json` has them all. */
const mostRows = 40

function report(rows: readonly Observed[], requests: number, since: string): string {
  const number = (value: number): string => value.toLocaleString('en')
  const total = rows.reduce((sum, { count }) => sum + count, 0)
  const head = `${number(total)} of ${number(requests)} requests of the last ${since} would have been refused.`
  const shown = rows
    .slice(0, mostRows)
    .map(
      ({ count, route, policy, client, path, reason }) =>
        `${number(count).padStart(8)}  ${route}.${policy}  ${client}  ${path}\n          ${reason}`,
    )
  const more =
    rows.length > mostRows ? [`and ${number(rows.length - mostRows)} more kinds: --json names them`] : []
  return [head, ...shown, ...more].join('\n')
}
