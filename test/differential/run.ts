import { writeFileSync } from 'node:fs'
import { needs } from '../harness/parts.ts'
import { withTeardown } from '../harness/with-teardown.ts'
import { type Comparison, compareAll, isExplained, type PeerName, showBothSides } from './comparison.ts'
import { http2Questions, rawQuestions } from './question.ts'
import { writeReport } from './report.ts'

/** `make differential`: compares, writes results.md, shows what has no reason, and fails if there is any. */

const parts = { nginx: needs('nginx'), HAProxy: needs('haproxy') }
const peers = (Object.keys(parts) as PeerName[]).filter((name) => {
  const { skip } = parts[name]
  if (skip) console.log(`${name} is left out: ${skip}`)
  return !skip
})
const framePeers = peers.filter((name) => name === 'nginx')

const comparisons: Comparison[] = [
  await withTeardown((t) => compareAll(t, rawQuestions(), peers)),
  await withTeardown((t) => compareAll(t, http2Questions(t), framePeers)),
]
const file = new URL('results.md', import.meta.url)
writeFileSync(file, writeReport(comparisons))

const rows = comparisons.flatMap((comparison) => comparison.rows)
const unexplained = rows.flatMap((row) =>
  row.peers.filter((peer) => !isExplained(peer)).map((peer) => showBothSides(row, peer)),
)
const broken = rows
  .filter((row) => row.broken.length > 0)
  .map((row) => `${row.question.name}: ${row.broken.join('; ')}`)
console.log(
  `${rows.length} requests, ${unexplained.length} differences without a reason, ${broken.length} broken promises`,
)
for (const each of [...unexplained, ...broken]) console.log(`\n${each}`)
console.log(`\nWritten to ${file.pathname}`)
if (unexplained.length + broken.length > 0) process.exitCode = 1
