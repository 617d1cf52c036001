import { writeFileSync } from 'node:fs'
import { startGatehouse, startNginx } from '../differential/contenders.ts'
import { versionOf } from '../differential/server-process.ts'
import { needs, pathOf } from '../harness/parts.ts'
import type { Teardown } from '../harness/teardown.ts'
import { withTeardown } from '../harness/with-teardown.ts'
import { corpus } from './corpus.ts'
import { http2 } from './http2/part.ts'
import { load } from './load.ts'
import { writeReport } from './report.ts'
import type { Part, Row, Side, Sides } from './row.ts'
import { slow } from './slow.ts'
import { sslscan, testssl } from './tls.ts'
import { webSocket } from './websocket/part.ts'

/**
 * `make conformance`: Gatehouse and nginx against the standards. Writes results.md, and fails where Gatehouse is
 * wrong without a reason that is known. A part whose tool is missing is named and left out; under CI=true it fails.
 */

const parts: readonly Part[] = [corpus, http2, webSocket, load, slow, sslscan, testssl]

const beside = needs('nginx')
if (beside.skip) console.log(`nginx does not stand beside: ${beside.skip}`)

const sides: Sides = {
  async start(t: Teardown, upstream: number) {
    const contenders = [await startGatehouse(t, [upstream])]
    if (!beside.skip) contenders.push(await startNginx(t, [upstream]))
    return contenders.flatMap(({ name, lanes }) =>
      lanes.map((lane): Side => ({ name: name as Side['name'], ...lane })),
    )
  },
}

const results: { part: Part; rows: readonly Row[]; missing?: string }[] = []
for (const part of parts) {
  const { skip } = needs(...part.needs)
  if (skip) {
    console.log(`${part.title}: left out, ${skip}`)
    results.push({ part, rows: [], missing: skip })
    continue
  }
  const start = performance.now()
  const rows = await withTeardown((t) => part.run(t, sides))
  results.push({ part, rows })
  console.log(`${part.title}: ${tell(rows)} (${Math.round((performance.now() - start) / 1000)} s)`)
}

const versions = [`Node ${process.versions.node}`, `OpenSSL ${process.versions.openssl}`]
if (!beside.skip) versions.push(`nginx ${versionOf(pathOf('nginx'), '-v')}`)
const file = new URL('results.md', import.meta.url)
writeFileSync(file, writeReport(results, versions))
console.log(`Written to ${file.pathname}`)

const faults = results.flatMap(({ part, rows }) =>
  rows
    .filter(({ ours, known }) => ours.grade === 'wrong' && known === undefined)
    .map(({ section, says, ours }) => `${part.title}, ${section} ${says}: ${ours.seen}`),
)
for (const fault of faults) console.log(`Wrong: ${fault}`)
if (faults.length > 0) process.exitCode = 1
// A tool that was killed may have left sockets behind.
process.exit()

function tell(rows: readonly Row[]): string {
  const count = (grade: string) => rows.filter(({ ours }) => ours.grade === grade).length
  const theirs = rows.filter(({ nginx }) => nginx !== undefined)
  const right = theirs.filter(({ nginx }) => nginx?.grade === 'right').length
  return `${count('right')} of ${rows.length} right, ${count('tolerable')} tolerable, ${count('wrong')} wrong; nginx ${right} of ${theirs.length}`
}
