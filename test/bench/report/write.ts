import { mkdir, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { median } from '../load/percentile.ts'
import { chart } from './chart.ts'
import { markdown } from './markdown.ts'
import type { Report } from './report.ts'
import { judge } from './targets.ts'

const folder = fileURLToPath(new URL('../results/', import.meta.url))
export const resultsFile = `${folder}results.json`

/** Writes results.md, results.json and a chart for each row into results/, and prints the table. */
export async function writeReport(report: Report): Promise<void> {
  await mkdir(folder, { recursive: true })
  const text = markdown(report)
  await writeFile(`${folder}results.md`, text)
  await writeFile(resultsFile, `${JSON.stringify(plainData(report), null, 2)}\n`)
  for (const result of report.results) await writeFile(`${folder}${result.row.name}.svg`, chart(result))
  console.log(`\n${text}`)
}

function plainData({ machine, versions, results }: Report): unknown {
  return {
    machine,
    versions,
    rows: results.map((result) => ({
      name: result.row.name,
      title: result.row.title,
      seconds: Math.round(result.seconds),
      circumstances: result.circumstances,
      figures: result.row.figures,
      contenders: result.results.map(({ contender, samples, failure }) => ({
        name: contender.name,
        medians: Object.fromEntries(
          result.row.figures.map(({ key }) => [key, median(samples.flatMap((sample) => sample[key] ?? []))]),
        ),
        samples,
        failure,
      })),
      targets: judge(result),
    })),
  }
}
