import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loadConfig } from '../config/load.ts'
import type { LoadedConfig } from '../config/loaded.ts'
import { keptSettings, withKept } from './kept-settings.ts'

const base = `
listeners:
  http: { port: 8080 }
  devices: { port: 8000 }
routes: [{ name: all, redirect: "https://example.com{path}" }]
`

async function load(text: string): Promise<LoadedConfig> {
  const loaded = await loadConfig({ file: 'routes.yaml', text, env: {} })
  assert.ok(loaded.ok, JSON.stringify(loaded))
  return loaded.config
}

/** [what is changed, the changed text, what needs a restart] */
const changes: [string, string, string[]][] = [
  ['nothing', base, []],
  ['a port', base.replace('8080', '8081'), ['listeners.http.port']],
  ['an address', base.replace('8000 }', '8000, address: 127.0.0.1 }'), ['listeners.devices.address']],
  ['a listener gone', base.replace(/ {2}devices.*\n/, ''), ['listeners.devices (still open)']],
  [
    'a listener more',
    base.replace('routes:', '  more: { port: 1 }\nroutes:'),
    ['listeners.more (not open yet)'],
  ],
  ['the admin port', `admin: { port: 1 }\n${base}`, ['admin']],
  ['another Redis', `redis: { address: "10.0.0.5:6379" }\n${base}`, ['redis']],
  ['a public port', base.replace('8080 }', '8080, publicPort: 80 }'), []],
  ['a limit', `limits: { headerCount: 20 }\n${base}`, []],
  ['a route', base.replace('all', 'everything'), []],
]

for (const [what, text, expected] of changes) {
  const outcome = expected.length === 0 ? 'is taken up' : `needs a restart: ${expected.join()}`
  test(`${what} ${outcome}`, async () => {
    const before = await load(base)
    const { config, needRestart } = withKept(await load(text), keptSettings(before))
    assert.deepEqual(needRestart, expected)
    assert.deepEqual(Object.keys(config.listeners), ['http', 'devices'])
    assert.equal(config.listeners.http?.port, 8080)
    assert.equal(config.listeners.devices?.address, '::')
    assert.equal(config.admin.port, 9901)
  })
}

test('what is about a listener and not about its socket follows the file', async () => {
  const kept = keptSettings(await load(base))
  const { config } = withKept(await load(base.replace('8080 }', '9, publicPort: 80 }')), kept)
  assert.equal(config.listeners.http?.publicPort, 80)
  assert.equal(config.listeners.http?.port, 8080)
})

test('what is kept survives the way to another process', async () => {
  const before = await load(base)
  const kept = JSON.parse(JSON.stringify(keptSettings(before)))
  assert.deepEqual(withKept(before, kept).needRestart, [])
})
