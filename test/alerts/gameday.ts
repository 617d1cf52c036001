import { readFileSync, writeFileSync } from 'node:fs'
import { needs } from '../harness/parts.ts'
import { faults } from './faults/index.ts'
import { readRules } from './prometheus.ts'
import { seconds, table } from './table.ts'
import { runTrial, type Trial } from './trial.ts'

/** `make gameday`: does what can happen to a proxy, times how it is noticed and mended, and writes the table of docs/gameday.md. */

const rules = await readRules()
const trials: Trial[] = []
let failed = false
for (const fault of faults) {
  if (fault.gameDay === undefined) continue
  const { skip } = needs('prometheus', ...(fault.needs ?? []))
  if (skip) {
    console.log(`${fault.name}: left out, ${skip}`)
    failed = true
    continue
  }
  const trial = await runTrial(fault)
  trials.push(trial)
  console.log(`${fault.name}: noticed after ${seconds(trial.fired)}, well after ${seconds(trial.well)}`)
  if (trial.fired === undefined || trial.well === undefined || trial.shown === undefined) failed = true
}

const file = new URL('../../docs/gameday.md', import.meta.url)
const text = readFileSync(file, 'utf8')
const [before, rest = ''] = text.split('<!-- table -->\n')
const [, after = ''] = rest.split('<!-- end -->\n')
writeFileSync(file, `${before}<!-- table -->\n${table(head(), trials.map(rowOf))}\n<!-- end -->\n${after}`)
console.log(`Written to ${file.pathname}`)
if (failed) process.exitCode = 1
process.exit()

function head(): string[] {
  return [
    'what happened',
    'alert fired',
    'with its real wait',
    'log said so',
    'command showed it',
    'users meanwhile: failed of asked, slowest',
    'of another route',
    'mended by',
    'well after',
    'changed because of it',
  ]
}

function rowOf({ fault, fired, logged, shown, users, neighbours, well }: Trial): string[] {
  const { gameDay, alert } = fault
  const wait = rules.find((rule) => rule.alert === alert)?.for
  const command =
    typeof gameDay?.command === 'string' ? gameDay.command : `gatehouse ${gameDay?.command.join(' ')}`
  return [
    fault.name,
    `[${alert}](runbook.md#${alert.toLowerCase()}), ${seconds(fired)}`,
    wait === undefined ? 'at once' : `${wait} more`,
    gameDay?.log === undefined ? 'not at all' : seconds(logged),
    `\`${command}\`, ${seconds(shown)}`,
    told(users),
    told(neighbours),
    gameDay?.mended ?? '',
    seconds(well),
    gameDay?.changed ?? '',
  ]
}

function told({ asked, failed, slowest }: Trial['users']): string {
  return `${failed} of ${asked}, ${(slowest / 1000).toFixed(2)} s`
}
