import { mkdirSync, writeFileSync } from 'node:fs'
import { versionOf } from '../differential/server-process.ts'
import { needs, pathOf } from '../harness/parts.ts'
import { faults } from './faults/index.ts'
import { readRules } from './prometheus.ts'
import { queryDashboards } from './query-dashboards.ts'
import { seconds, table } from './table.ts'
import { runTrial, type Trial } from './trial.ts'

/**
 * `make alerts`: breaks something for each alert of deploy/prometheus/alerts.yml, under traffic and watched by a real
 * Prometheus, and fails unless each fires. Then it asks every query of the dashboards. Names of alerts as arguments are
 * those alone.
 */

const only = process.argv.slice(2)
const rules = (await readRules()).filter(({ alert }) => alert !== undefined)
const trials: Trial[] = []
const lacking: string[] = []

for (const { alert = '' } of rules) {
  if (only.length > 0 && !only.includes(alert)) continue
  // A game day has its own turn; what is simplest to break for an alert comes last in the list.
  const fault = faults.findLast((each) => each.alert === alert)
  if (fault === undefined) {
    lacking.push(`${alert}: no fault is known that fires it`)
    continue
  }
  const { skip } = needs('prometheus', ...(fault.needs ?? []))
  if (skip) {
    lacking.push(`${alert}: ${skip}`)
    continue
  }
  const trial = await runTrial(fault)
  trials.push(trial)
  console.log(
    `${alert}: ${fault.name}: fired after ${seconds(trial.fired)}, well after ${seconds(trial.well)}`,
  )
  if (trial.fired === undefined) lacking.push(`${alert} did not fire when ${fault.name}`)
  if (trial.well === undefined) lacking.push(`${alert}: not well again when mended: ${fault.name}`)
}

const rows = trials.map(({ fault, fired, summary, others, well }) => {
  const rule = rules.find(({ alert }) => alert === fault.alert)
  return [
    `[${fault.alert}](../../../docs/runbook.md#${fault.alert.toLowerCase()})`,
    rule?.labels?.severity ?? '',
    fault.name,
    seconds(fired),
    rule?.for ?? 'at once',
    summary,
    others.join(', '),
    seconds(well),
  ]
})
const head = [
  'alert',
  'severity',
  'what was broken',
  'fired after',
  'waits in earnest',
  'what it said',
  'beside it',
  'well after the mend',
]
const queries = only.length > 0 ? '' : await queryDashboards(lacking)
const report = `# Alerts, each fired by a real fault

Written by \`make alerts\`: Prometheus ${versionOf(pathOf('prometheus'), '--version')}, Node ${process.versions.node}. A real Prometheus scrapes a real
Gatehouse of two workers under traffic. The rules are those that are shipped with the same expressions; for the trial \`for\` is 2 s
in all of them, and scrapes and evaluations come each second instead of each 15.

${table(head, rows)}

${queries}`
if (only.length === 0) {
  mkdirSync(new URL('results/', import.meta.url), { recursive: true })
  const file = new URL('results/alerts.md', import.meta.url)
  writeFileSync(file, report)
  console.log(`Written to ${file.pathname}`)
}
for (const sentence of lacking) console.log(`Wrong: ${sentence}`)
if (lacking.length > 0) process.exitCode = 1
process.exit()
