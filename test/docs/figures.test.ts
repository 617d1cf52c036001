import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { projectFolder } from '../system/shipped.ts'
import { readDocument } from './documents.ts'

/** The table of docs/comparison.md against what `make bench` wrote down: whoever measures anew is told what to write. */

interface Results {
  readonly rows: readonly {
    readonly name: string
    readonly contenders: readonly {
      readonly name: string
      readonly medians: Readonly<Record<string, number>>
    }[]
  }[]
}

const { rows } = JSON.parse(
  readFileSync(join(projectFolder, 'test/bench/results/results.json'), 'utf8'),
) as Results

/** Of each line of the table, as it begins: the row that was measured, and its figures. */
const lines: readonly [begins: string, row: string, ...figures: string[]][] = [
  ['plain relay, HTTP/1.1: CPU', 'relay-h1', 'cpu'],
  ['memory after it', 'relay-h1', 'memory'],
  ['at 3,000 requests a second', 'latency', 'p50', 'p99'],
  ['plain relay, HTTP/1.1 over TLS', 'relay-tls-h1', 'cpu'],
  ['plain relay, HTTP/2 over TLS', 'relay-tls-h2', 'cpu'],
  ['HTTP/1.1 over TLS: Gatehouse with every policy', 'policies-h1', 'cpu'],
  ['the same, HTTP/2', 'policies-h2', 'cpu'],
  ['a handshake and a request', 'handshakes', 'full', 'resumed'],
  ['ten routes, and 10,000', 'routes', 'cpu10', 'cpu10000'],
  ['100 MB down', 'bodies', 'down'],
  ['100 MB up', 'bodies', 'up'],
  ['an event to one of 200 listeners', 'event-streams', 'cpu'],
  ['a WebSocket message', 'tunnel-echo', 'cpu'],
  ['an idle WebSocket tunnel', 'tunnels', 'memory'],
  ['a client that stops reading', 'slow-readers', 'memory'],
  ['requests that fail during a reload', 'reload', 'failed', 'repeated'],
  ['from start to the first answer', 'start', 'time'],
]
const contenders = ['gatehouse', 'nginx', 'haproxy', 'caddy']

const { prose } = readDocument('docs/comparison.md')
const [, table = ''] = prose.split('## What was measured')
const written = table
  .split('\n')
  .filter((line) => /^\| [^|\s]/.test(line))
  .map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  )

test('every line of the comparison was measured', () => {
  assert.equal(written.length, lines.length)
})

for (const [begins, name, ...figures] of lines)
  test(`what the comparison says is what was measured: ${begins}`, () => {
    const cells = written.find(([first]) => first?.startsWith(begins)) ?? []
    for (const [at, contender] of contenders.entries()) {
      const measured = rows
        .find((row) => row.name === name)
        ?.contenders.find((each) => each.name === contender)
      const said = cells[at + 1]?.replaceAll('*', '')
      if (measured === undefined) assert.equal(said, '–', contender)
      else
        assert.equal(
          said,
          figures.map((key, part) => like(said, part, measured.medians[key])).join('; '),
          contender,
        )
    }
  })

/** A figure, to as many places as the table has it. */
function like(cell: string | undefined, part: number, figure = Number.NaN): string {
  const places = cell?.split('; ')[part]?.split('.')[1]?.length ?? 0
  const digits = { minimumFractionDigits: places, maximumFractionDigits: places }
  return figure.toLocaleString('en', digits)
}
