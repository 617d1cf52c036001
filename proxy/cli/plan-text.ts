import { styleText } from 'node:util'
import type { ConfigProblem } from '../config/loaded.ts'
import { formatProblem } from '../config/problem.ts'
import type { Difference } from '../rehearsal/difference.ts'
import type { Replay } from '../rehearsal/replay.ts'
import type { EndedTunnels } from './plan-tunnels.ts'

/** All that a change of routes.yaml would mean. */
export interface Plan {
  readonly file: string
  readonly candidate: string
  readonly differences: readonly Difference[]
  readonly needRestart: readonly string[]
  /** Routes whose open tunnels would end, and how many the route has if a running Gatehouse could be asked. */
  readonly endedTunnels: readonly (EndedTunnels & { readonly open: number | undefined })[]
  /** What `check` says of the candidate and not of what is there: hosts that lose their certificate, for instance. */
  readonly newWarnings: readonly ConfigProblem[]
  /** Tests beside the candidate that it fails: it would not be put in force. */
  readonly failingTests: readonly ConfigProblem[]
  readonly replay: Replay
}

type Style = (format: Parameters<typeof styleText>[0], text: string) => string

/** A plan for a person. */
export function planText(plan: Plan, colour: boolean): string {
  const style: Style = (format, text) => (colour ? styleText(format, text) : text)
  return [
    `${style('bold', plan.candidate)} instead of ${plan.file}`,
    ...section('What is written otherwise', differences(plan, style)),
    ...section('Open tunnels that end', tunnels(plan)),
    ...section('Only after a restart', plan.needRestart),
    ...section('New warnings', plan.newWarnings.map(formatProblem)),
    ...section('Tests that fail: it would not be put in force', plan.failingTests.map(formatProblem)),
    ...requests(plan.replay, style),
  ].join('\n')
}

// --- internal ---

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ['', title, ...lines.map((line) => `  ${line}`)]
}

const signs = { added: ['green', '+'], removed: ['red', '-'], changed: ['yellow', '~'] } as const

function differences({ differences }: Plan, style: Style): string[] {
  if (differences.length === 0) return ['nothing']
  return alike(differences).flatMap(({ of, kind, details }) => {
    const [hue, sign] = signs[kind]
    return [
      style(hue, `${sign} ${of}${kind === 'removed' ? ' is removed' : ''}`),
      ...details.map((line) => `    ${line}`),
    ]
  })
}

/** What changes alike is told once: an anchor, or a hand that went through the file, changes many routes. */
function alike(differences: readonly Difference[]): Difference[] {
  const groups = new Map<string, Difference[]>()
  for (const difference of differences) {
    const { of, kind, details } = difference
    const key = kind === 'changed' ? `${of.split(' ')[0]}\n${details.join('\n')}` : `${kind} ${of}`
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [difference])
    else group.push(difference)
  }
  return [...groups.values()].flatMap((group) => {
    const [first, ...others] = group
    if (first === undefined || others.length === 0) return group
    const [noun = '', ...name] = first.of.split(' ')
    const names = [name.join(' '), ...others.map(({ of }) => of.slice(noun.length + 1))]
    return [{ ...first, of: `${group.length} ${noun}s: ${names.join(', ')}` }]
  })
}

function tunnels({ endedTunnels }: Plan): string[] {
  if (
    endedTunnels.length > 1 &&
    endedTunnels.every(({ open, only }) => open === undefined && only === undefined)
  )
    return [`those of ${endedTunnels.map(({ route }) => route).join(', ')} (nobody runs here to count them)`]
  return endedTunnels.map(({ route, only, open }) => {
    const which = only === undefined ? '' : `, such as those on ${only}`
    if (open === undefined)
      return `${only === undefined ? 'those' : 'some'} of ${route}${which} (nobody runs here to count them)`
    return only === undefined ? `${open} of ${route}` : `some of the ${open} of ${route}${which}`
  })
}

function requests(
  { requests, since, unread, assumed, uncounted, limits, changes }: Replay,
  style: Style,
): string[] {
  const number = (value: number): string => value.toLocaleString('en')
  if (requests === 0 && unread > 0)
    return [
      '',
      `None of the ${number(unread)} lines of the access log is an exchange in JSON, so that it could be tried on none: \`accessLog.format\` has to be json.`,
    ]
  if (requests === 0)
    return ['', 'There are no requests in the access log to try it on; --log names another one.']
  const changed = changes.reduce((sum, { count }) => sum + count, 0)
  const from = since === undefined ? '' : ` since ${minute(since)}`
  const lines = [
    '',
    changed === 0
      ? `None of the last ${number(requests)} requests${from} changes.`
      : style('bold', `${number(changed)} of the last ${number(requests)} requests${from} change:`),
  ]
  for (const { count, before, after, path, hosts, addresses, clients, reason, example } of changes)
    lines.push(
      `  ${number(count).padStart(8)}  ${before} → ${style('bold', after)}`,
      `            all on ${hosts.join(', ')}${path === '/' ? '' : path} from ${addresses <= clients.length ? '' : `${number(addresses)} addresses in `}${clients.join(', ')}`,
      ...(reason === undefined ? [] : [`            ${reason}`]),
      `            gatehouse explain ${example}`,
    )
  if (assumed > 0)
    lines.push(
      '',
      `${number(assumed)} requests brought credentials, which the log does not keep: they are taken to be good, or bad, as they were.`,
    )
  if (unread > 0) lines.push(`${number(unread)} lines were no exchange and are left out.`)
  if (uncounted > 0)
    lines.push(
      `${number(uncounted)} requests pass a rate limit here that counts by a claim, or by a field that the log hides.`,
    )
  if (limits?.since !== undefined && limits.undercounted > 0)
    lines.push(
      `${number(limits.undercounted)} requests came to a rate limit before its first window was over. Limits count from ${minute(limits.since)} on: who had used up some of one before that may have been refused sooner than it says here.`,
    )
  return lines
}

function minute(time: number): string {
  return `${new Date(time).toISOString().slice(0, 16).replace('T', ' ')} UTC`
}
