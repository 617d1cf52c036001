import { dirname, isAbsolute, join } from 'node:path'
import type { RouteRow } from './route-rows.ts'

/** What is said when everything serves. */
export interface StartReport {
  readonly version: string
  readonly file: string
  readonly workers: number
  /** Where clients would go, by listener: `https://localhost:8443`. */
  readonly listeners: Readonly<Record<string, string>>
  readonly admin: string
  readonly accessLog: string
  readonly routes: readonly RouteRow[]
  /** Lines about files that were made on the first start. */
  readonly made: readonly string[]
}

/** Of the table, where no address needs more. */
const width = 100
/** A route with more addresses shows these, and how many there are besides. */
const mostAddresses = 4
const leastForPolicies = 16

/**
 * What is said at the start: a table of routes and where Gatehouse listens. `room`: columns of the terminal; where the table
 * is wider, each route has lines of its own.
 */
export function startText(report: StartReport, colour: boolean, room = Number.POSITIVE_INFINITY): string {
  const paint: Paint = (code, text) => (colour ? `\u001b[${code}m${text}\u001b[0m` : text)
  const { version, file, workers, routes, listeners, admin, accessLog, made } = report
  const shared = sharedPolicies(routes)
  const cells = routes.map((route) => cellsOf(route, shared))
  const table = tableOf(cells, paint)
  const folder = dirname(file)
  const facts = [
    ...Object.entries(listeners).map(([name, address]) => [name, address]),
    ['admin', admin],
    ...(admin.startsWith('http') ? [['dashboard', `${admin}/dashboard/`]] : []),
    ['access log', accessLog === 'stdout' || isAbsolute(accessLog) ? accessLog : join(folder, accessLog)],
    ...(shared.length > 0 ? [['every route', shared.join(' ')]] : []),
  ]
  const factWidth = Math.max(...facts.map(([name = '']) => name.length))
  // Their names stand as in routes.yaml, whose folder need not be the one that somebody is in.
  const where = folder === '.' ? '' : `, in ${folder}`
  return [
    `Gatehouse ${version} serves ${file}: ${count(routes.length, 'route')}, ${count(workers, 'worker')}`,
    '',
    ...(table.width <= room ? table.lines : listOf(cells, paint, room)),
    '',
    ...facts.map(([name = '', value]) => `  ${paint(2, name.padEnd(factWidth))}  ${value}`),
    ...(made.length > 0
      ? ['', `Made for this first start${where}:`, ...made.map((line) => `  ${line}`)]
      : []),
    '',
  ].join('\n')
}

// --- internal ---

type Paint = (code: number, text: string) => string

function tableOf(cells: readonly Cells[], paint: Paint): { lines: string[]; width: number } {
  const column = (title: string, texts: readonly string[]): number =>
    Math.max(title.length, ...texts.map(({ length }) => length))
  const columns = [
    column(
      'route',
      cells.map(({ name }) => name),
    ),
    column(
      'address',
      cells.flatMap(({ addresses }) => addresses),
    ),
    column(
      'goes to',
      cells.map(({ goesTo }) => goesTo),
    ),
  ] as const
  const left = columns.reduce((sum, each) => sum + each + 2, 2)
  const wrapped = cells.map(({ policies }) => wrap(policies, Math.max(leastForPolicies, width - left)))
  const lines = cells.flatMap(({ name, addresses, goesTo, state }, row) => {
    const policies = wrapped[row] ?? []
    return Array.from({ length: Math.max(1, addresses.length, policies.length) }, (_, at) => {
      const [first, third] = at === 0 ? [name, goesTo] : ['', '']
      const before = `  ${first.padEnd(columns[0])}  ${(addresses[at] ?? '').padEnd(columns[1])}`
      const rest = policies[at] ? `  ${policies[at]}` : ''
      const middle = at === 0 ? paint(hues[state], third) : third
      return `${before}  ${middle}${rest && ' '.repeat(columns[2] - third.length)}${rest}`.trimEnd()
    })
  })
  const heading = headings.map((title, at) => title.padEnd(columns[at] ?? 0)).join('  ')
  return {
    lines: [paint(2, `  ${heading}`.trimEnd()), ...lines],
    width: left + Math.max(...wrapped.flat().map(({ length }) => length), 0),
  }
}

/** A route has a line for its name and where it goes, then its addresses and its policies. */
function listOf(cells: readonly Cells[], paint: Paint, room: number): string[] {
  return cells.flatMap(({ name, addresses, goesTo, policies, state }) => [
    `  ${name}  ${paint(hues[state], goesTo)}`,
    ...addresses.map((address) => `    ${address}`),
    ...(policies === '' ? [] : wrap(policies, room - 4).map((line) => `    ${paint(2, line)}`)),
  ])
}

const headings = ['route', 'address', 'goes to', 'policies']
const hues: Record<RouteRow['state'], number> = { there: 32, waiting: 33, away: 31, closed: 31 }

interface Cells {
  readonly name: string
  readonly addresses: readonly string[]
  readonly goesTo: string
  readonly policies: string
  readonly state: RouteRow['state']
}

function cellsOf(route: RouteRow, shared: readonly string[]): Cells {
  const { name, addresses, state } = route
  const shown = addresses.slice(0, mostAddresses)
  if (addresses.length > shown.length) shown.push(`and ${addresses.length - shown.length} more`)
  const policies = route.policies.filter((policy) => !shared.includes(policy)).join(' ')
  return { name, addresses: shown, goesTo: destinationText(route), policies, state }
}

function destinationText({ goesTo, state }: RouteRow): string {
  switch (state) {
    case 'waiting':
      return `waiting for ${goesTo}`
    case 'there':
      return goesTo
    default:
      return `${goesTo} (${state})`
  }
}

/** Said once where every route has them. */
function sharedPolicies(routes: readonly RouteRow[]): string[] {
  const [first, ...others] = routes
  if (!first || others.length === 0) return []
  return first.policies.filter((policy) => others.every(({ policies }) => policies.includes(policy)))
}

function wrap(text: string, most: number): string[] {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + 1 + word.length <= most)
      lines[lines.length - 1] = `${last} ${word}`
    else lines.push(word)
  }
  return lines
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}
