import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { parse } from 'yaml'
import { services } from '../../services/roster.ts'
import { runCli } from '../harness/cli.ts'
import { needs, pathOf } from '../harness/parts.ts'
import { tempFolder } from '../harness/temp-folder.ts'

/** The compose file, and what `deploy/compose/up` makes before it starts it. */

const project = join(import.meta.dirname, '../..')
const folder = join(project, 'deploy/compose')
const run = promisify(execFile)
const file = parse(readFileSync(join(folder, 'docker-compose.yml'), 'utf8'), { merge: true }) as Compose

test('every container is read-only, without capabilities, within limits, and asked how it is', () => {
  for (const [name, service] of Object.entries(file.services)) {
    assert.equal(service.read_only, true, name)
    assert.deepEqual(service.cap_drop, ['ALL'], name)
    assert.deepEqual(service.security_opt, ['no-new-privileges:true'], name)
    assert.ok(service.mem_limit && service.pids_limit, `${name} has no limits`)
    if (!service.profiles?.some((each) => each !== 'desktops'))
      assert.ok(service.healthcheck, `${name} is not asked`)
  }
})

test('only the proxy is reached from outside, and stores only by services', () => {
  const published = Object.entries(file.services).filter(([, { ports }]) => ports !== undefined)
  assert.deepEqual(published.map(([name]) => name).sort(), ['grafana', 'proxy'])
  assert.ok(file.services.grafana?.ports?.every((port) => port.startsWith('127.0.0.1:')))
  for (const name of ['services', 'stores', 'watch', 'figures'])
    assert.equal(file.networks[name]?.internal, true, name)
  for (const name of ['proxy', 'prometheus', 'grafana'])
    assert.ok(!file.services[name]?.networks.includes('stores'), name)
})

test('Prometheus reaches the metrics of each service, by a network that leads nowhere and has no proxy in it', async (t) => {
  const inside = Object.entries(file.services).filter(([, { networks }]) => networks.includes('figures'))
  assert.deepEqual(inside.map(([name]) => name).sort(), [...Object.keys(services), 'prometheus'].sort())
  assert.equal(file.networks.figures?.internal, true)
  // What `up` makes of the file that is shipped.
  const script = readFileSync(join(folder, 'up'), 'utf8')
  const edits = [...script.matchAll(/sed -i '([^']+)' state\/prometheus/g)].map(([, edit = '']) => edit)
  const config = join(await tempFolder(t), 'prometheus.yml')
  await writeFile(config, readFileSync(join(project, 'deploy/prometheus/prometheus.yml')))
  await run('sed', ['-i', edits[0] ?? '', config])
  const { scrape_configs } = parse(await readFile(config, 'utf8')) as { scrape_configs: Scrapes[] }
  const targets = scrape_configs.flatMap(({ static_configs }) =>
    static_configs.flatMap((each) => each.targets),
  )
  const port = file.services.visits?.environment?.METRICS_PORT
  const own = Object.keys(services).map((name) => `${name}:${port}`)
  assert.deepEqual(targets, ['proxy:9902', ...own])
})

test('every secret is a file of the folder that git does not keep, and every service has its own', () => {
  for (const { file: path } of Object.values(file.secrets)) assert.match(path, /^\.\/state\/secrets\//)
  assert.match(readFileSync(join(project, '.gitignore'), 'utf8'), /^deploy\/compose\/state\/$/m)
  for (const name of Object.keys(services))
    assert.ok(file.services[name]?.secrets?.some((each) => each.source === `${name}.token`))
  const text = readFileSync(join(folder, 'docker-compose.yml'), 'utf8')
  assert.doesNotMatch(text, /PASSWORD: /, 'a password stands in the environment')
})

test('the route table for containers is the shipped one, and a door to the admin listener', {
  timeout: 60_000,
}, async (t) => {
  const scene = await tempFolder(t)
  const table = join(scene, 'routes.yaml')
  const args = [join(project, 'routes.yaml'), join(folder, 'internal.yaml'), '172.30.77.0/24', table]
  await run(process.execPath, [join(folder, 'routes.ts'), ...args])
  const { upstreams, routes, listeners } = parse(await readFile(table, 'utf8'))
  assert.equal(listeners.internal.port, 9902)
  assert.deepEqual(upstreams.photos.networks, ['172.30.77.0/24'])
  assert.deepEqual(upstreams.desktop.networks, ['172.30.77.0/24'])
  assert.deepEqual([routes[0].name, routes[1].name], ['told', 'announce'])
  await mkdir(join(scene, 'services/sites'), { recursive: true })
  for (const site of ['main', 'open', 'close']) await mkdir(join(scene, 'services/sites', site))
  await mkdir(join(scene, 'certs'))
  for (const key of ['visits', 'photos', 'desktops', 'registration'])
    await writeFile(join(scene, `certs/${key}.key`), 'a secret of thirty-two bytes, or more than that')
  await writeFile(join(scene, 'certs/close.htpasswd'), `admin:$2b$10$${'a'.repeat(53)}\n`)
  await mkdir(join(scene, 'dist/pages/photos'), { recursive: true })
  const { stdout, stderr, code } = await runCli(['check'], { cwd: scene })
  assert.equal(code, 0, `${stdout}${stderr}`)
  await assert.rejects(
    run(process.execPath, [join(folder, 'routes.ts'), ...args]),
    /EEXIST/,
    'what was edited is not written over',
  )
})

test('a secret is made once, for its owner alone, and long enough', async (t) => {
  const scene = join(await tempFolder(t), 'secrets')
  const make = () => run(join(project, 'deploy/secrets'), [scene, 'one.password', 'two.key'])
  assert.match((await make()).stdout, /one\.password: new/)
  const password = await readFile(join(scene, 'one.password'), 'utf8')
  assert.match(password, /^([a-z2-9]{4}-){3}[a-z2-9]{4}$/)
  assert.ok((await readFile(join(scene, 'two.key'), 'utf8')).length >= 43)
  assert.equal((await stat(join(scene, 'two.key'))).mode & 0o777, 0o600)
  assert.equal((await make()).stdout, '')
  assert.equal(await readFile(join(scene, 'one.password'), 'utf8'), password)
})

test('docker-compose finds nothing wrong', { ...needs('compose'), timeout: 60_000 }, async () => {
  await run(pathOf('compose'), ['--file', join(folder, 'docker-compose.yml'), 'config', '--quiet'])
})

interface Compose {
  readonly services: Readonly<Record<string, Service>>
  readonly networks: Readonly<Record<string, { readonly internal?: boolean }>>
  readonly secrets: Readonly<Record<string, { readonly file: string }>>
}

interface Scrapes {
  readonly static_configs: readonly { readonly targets: readonly string[] }[]
}

interface Service {
  readonly environment?: Readonly<Record<string, string>>
  readonly read_only?: boolean
  readonly cap_drop?: readonly string[]
  readonly security_opt?: readonly string[]
  readonly mem_limit?: string
  readonly pids_limit?: number
  readonly healthcheck?: object
  readonly profiles?: readonly string[]
  readonly ports?: readonly string[]
  readonly networks: readonly string[]
  readonly secrets?: readonly { readonly source: string }[]
}
