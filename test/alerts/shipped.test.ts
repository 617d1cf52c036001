import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { metricsJson } from '../../proxy/observability/metrics.ts'
import { declaredByService } from '../check/service-metrics.ts'
import { needs, pathOf } from '../harness/parts.ts'
import { readDashboardQueries } from './dashboards.ts'
import { faults } from './faults/index.ts'
import { type Rule, readRules, shipped } from './prometheus.ts'
import { traefikQueries } from './traefik-queries.ts'

const rules = await readRules()
const alerts = rules.filter((rule): rule is Rule & { alert: string } => rule.alert !== undefined)
const runbook = readFileSync(new URL('../../docs/runbook.md', import.meta.url), 'utf8')

test('every alert is a page or a ticket, and says what, why, and where in the runbook', () => {
  for (const { alert, labels, annotations } of alerts) {
    assert.match(labels?.severity ?? '', /^(page|ticket)$/, alert)
    for (const name of ['summary', 'description']) assert.ok(annotations?.[name], `${alert} has no ${name}`)
    assert.equal(annotations?.runbook_url, `docs/runbook.md#${alert.toLowerCase()}`)
  }
})

test('every alert has a section of the runbook, and no section is of an alert that is gone', () => {
  const sections = [...runbook.matchAll(/^## (\S+)$/gm)].map(([, name]) => name)
  assert.deepEqual(sections.sort(), alerts.map(({ alert }) => alert).sort())
  for (const { alert } of alerts) {
    const [, section = ''] = runbook.split(`## ${alert}\n`)
    const own = section.split(/^## /m)[0] ?? ''
    for (const part of [
      '**Means.**',
      '**Users see.**',
      'Look here first',
      '```sh',
      '**Mend.**',
      '**Prevent.**',
    ])
      assert.ok(own.includes(part), `${alert} lacks ${part}`)
  }
})

test('every alert is fired by a fault that is known', () => {
  const fired = new Set(faults.map(({ alert }) => alert))
  for (const { alert } of alerts) assert.ok(fired.has(alert), alert)
  for (const name of fired)
    assert.ok(
      alerts.some(({ alert }) => alert === name),
      name,
    )
})

test('every metric that rules and dashboards name is one of the proxy or of a service, Traefik’s with the prefix replaced as well', async () => {
  const known = new Set((await metricsJson()).map(({ name }) => name))
  const recorded = new Set(rules.map(({ record }) => record))
  const asked = [
    ...rules.map(({ expr }) => expr),
    ...readDashboardQueries().map(({ query }) => query),
    ...traefikQueries.map(([, query]) => query.replaceAll('traefik_', 'gatehouse_')),
  ]
  assert.ok(asked.length > 60)
  for (const query of asked)
    for (const [name] of query.matchAll(/[a-z:]*gatehouse_[a-z0-9_:]+/g)) {
      const metric = name.replace(/_(bucket|sum|count)$/, '')
      assert.ok(recorded.has(name) || known.has(metric), `${name} in ${query}`)
    }
  const own = new Set((await declaredByService()).flatMap(({ metrics }) => metrics.map(({ name }) => name)))
  const ofServices = asked.flatMap((query) => [
    ...query.matchAll(/\b(?:visits|photos|camera|hikvision|desktops|http|database|service)_[a-z0-9_]+/g),
  ])
  assert.ok(ofServices.length > 40)
  for (const [name] of ofServices) assert.ok(own.has(name.replace(/_(bucket|sum|count)$/, '')), name)
})

for (const args of [
  ['check', 'config', 'prometheus.yml'],
  ['check', 'rules', 'alerts.yml'],
  ['test', 'rules', 'alerts.test.yml'],
]) {
  test(`promtool ${args.join(' ')} finds nothing to complain of`, needs('promtool'), () => {
    const { status, stdout, stderr } = spawnSync(pathOf('promtool'), args, {
      cwd: fileURLToPath(shipped),
      encoding: 'utf8',
      timeout: 50_000,
    })
    assert.equal(status, 0, stdout + stderr)
    assert.match(stdout, /SUCCESS/)
  })
}
