import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import { parse } from 'yaml'
import { services } from '../../services/roster.ts'
import { needs } from '../harness/parts.ts'
import { tempFolder } from '../harness/temp-folder.ts'

/** The units of deploy/systemd, as systemd itself reads them. */

const folder = join(import.meta.dirname, '../../deploy/systemd')
const units = readdirSync(folder).filter((file) => file.endsWith('.service'))
const run = promisify(execFile)

/** A root with the units in it, and with something that can be executed where they expect it. */
async function machine(t: TestContext): Promise<string> {
  const root = await tempFolder(t)
  const place = join(root, 'etc/systemd/system')
  await cp(folder, place, { recursive: true })
  for (const program of [
    'opt/gatehouse/gatehouse',
    'opt/gatehouse/node_modules/.bin/node',
    'bin/kill',
    'bin/sh',
  ]) {
    await mkdir(dirname(join(root, program)), { recursive: true })
    await writeFile(join(root, program), '', { mode: 0o755 })
  }
  await cp('/usr/lib/systemd/system', join(root, 'usr/lib/systemd/system'), {
    recursive: true,
    verbatimSymlinks: true,
  })
  return root
}

test('systemd-analyze verify has nothing to say about any unit', {
  ...needs('systemd'),
  timeout: 60_000,
}, async (t) => {
  const root = await machine(t)
  const named = units.map((unit) => unit.replace('@.', '@visits.'))
  const { stdout, stderr } = await run('systemd-analyze', ['verify', '--man=no', `--root=${root}`, ...named])
  assert.equal(`${stdout}${stderr}`.trim(), '')
})

test('every unit is well enclosed: an exposure below 2 of 10', {
  ...needs('systemd'),
  timeout: 60_000,
}, async (t) => {
  const root = await machine(t)
  for (const unit of units) {
    const args = [
      'security',
      '--offline=true',
      '--threshold=20',
      `--root=${root}`,
      unit.replace('@.', '@visits.'),
    ]
    const { stdout } = await run('systemd-analyze', args).catch((error) =>
      assert.fail(`${unit}: ${error.stdout.slice(-300)}`),
    )
    assert.match(stdout, /Overall exposure level/)
  }
})

test('each service of the roster has a unit that hands it each of its secrets', async () => {
  for (const [name, { keys = {}, password }] of Object.entries(services) as [string, Roster][]) {
    const text = await readFile(join(folder, `gatehouse-${name}.service`), 'utf8')
    for (const variable of [
      ...Object.keys(keys),
      ...(password ? [password.variable] : []),
      'GATEHOUSE_TOKEN_FILE',
    ])
      assert.match(text, new RegExp(`^Environment=${variable}=%d/`, 'm'), `${name} is not given ${variable}`)
  }
})

test('what each service keeps is found below data/, where a backup looks for it', async () => {
  const links = await readFile(join(folder, 'tmpfiles.conf'), 'utf8')
  for (const name of Object.keys(services)) {
    const unit = await readFile(join(folder, `gatehouse-${name}.service`), 'utf8')
    const place = /^Environment=.*DATA_DIR=(\S+)$/m.exec(unit)?.[1]
    assert.match(links, new RegExp(`^L\\+ /var/lib/gatehouse/${name} .* ${place}$`, 'm'))
  }
})

test('each unit has its metrics where Prometheus looks for them, on loopback', async () => {
  const text = await readFile(join(folder, '../prometheus/prometheus.yml'), 'utf8')
  const { scrape_configs } = parse(text) as { scrape_configs: ScrapeConfig[] }
  const targets =
    scrape_configs.find(({ job_name }) => job_name === 'gatehouse-services')?.static_configs ?? []
  assert.deepEqual(
    targets.map(({ labels }) => labels?.service),
    Object.keys(services),
  )
  for (const {
    targets: [target = ''],
    labels,
  } of targets) {
    const unit = await readFile(join(folder, `gatehouse-${labels?.service}.service`), 'utf8')
    assert.equal(`127.0.0.1:${/^Environment=METRICS_PORT=(\d+)$/m.exec(unit)?.[1]}`, target)
    assert.doesNotMatch(unit, /METRICS_HOST/)
  }
})

interface ScrapeConfig {
  readonly job_name: string
  readonly static_configs: readonly {
    readonly targets: readonly string[]
    readonly labels?: { readonly service: string }
  }[]
}

interface Roster {
  readonly keys?: Readonly<Record<string, string>>
  readonly password?: { readonly variable: string }
}
