import { contenders } from './contenders/index.ts'
import { moveToLoadCore } from './machine/cores.ts'
import { describeMachine } from './machine/description.ts'
import { measureRow, type RowResult } from './measure.ts'
import { readOptions } from './options.ts'
import { withEarlier } from './report/earlier.ts'
import { resultsFile, writeReport } from './report/write.ts'
import { rows } from './rows/index.ts'

/**
 * Measures Gatehouse beside other proxies, and writes what came out into results/. See `options.ts` for what may be
 * picked; rows that are not keep the results that they had. It fails if a proxy answered wrongly; that a target is missed
 * is a result.
 */

const options = readOptions(process.env, rows)
const machine = describeMachine()
moveToLoadCore()

const present = new Map(contenders.map((contender) => [contender, contender.version()]))
for (const [contender, version] of present)
  if (!version) console.log(`${contender.title} is not on this machine, and is left out.`)

const results: RowResult[] = []
for (const row of options.rows) {
  console.log(`${row.name}: ${row.title}`)
  const takingPart = contenders.filter(
    (contender) =>
      present.get(contender) &&
      row.contenders.includes(contender.name) &&
      (options.contenders?.includes(contender.name) ?? true),
  )
  results.push(await measureRow(row, takingPart, options))
}

await writeReport({
  machine,
  results: withEarlier(results, { file: resultsFile, processor: machine.processor, rows, contenders }),
  versions: [...present.values()].filter((v) => v !== undefined),
})
if (results.some(({ results: each }) => each.some(({ failure }) => failure !== undefined)))
  process.exitCode = 1
