import assert from 'node:assert/strict'
import { once } from 'node:events'
import { copyFileSync, cpSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer, get, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, describe, type TestContext, test } from 'node:test'
import { type ClientAddress, parseAddress } from '../proxy/address.ts'
import { ensureFirstStartFiles } from '../proxy/cli/init.ts'
import { loadConfig } from '../proxy/config/load.ts'
import type { LoadedConfig } from '../proxy/config/loaded.ts'
import type { ListenerConfig } from '../proxy/config/schema.ts'
import { createGatehouse } from '../proxy/gatehouse.ts'
import { askPolicies } from '../proxy/request/policies/ask.ts'
import { memoryLimits } from '../proxy/request/policies/rate-limit.ts'
import { type SampleFacts, sampleFacts } from './harness/facts.ts'

/** The shipped routes.yaml, as somebody meets it who has just cloned the project. */

const project = join(import.meta.dirname, '..')
const clone = mkdtempSync(join(tmpdir(), 'gatehouse-routes-'))
after(() => rmSync(clone, { recursive: true, force: true }))
copyFileSync(join(project, 'routes.yaml'), join(clone, 'routes.yaml'))
cpSync(join(project, 'services/sites'), join(clone, 'services/sites'), { recursive: true })

const firstStart = await ensureFirstStartFiles(clone, {})
const password = /password (\S+)/.exec(firstStart.join('\n'))?.[1] ?? ''
const broken: string[] = []
const gatehouse = createGatehouse(await load({}), {
  env: {},
  limits: memoryLimits(),
  observer: { started() {}, finished() {}, decided() {}, retried() {} },
  onBackgroundError: (message) => broken.push(message),
})
after(() => gatehouse.close())

describe('the shipped routes.yaml', () => {
  test('is whole after a first start: no route is closed', () => {
    assert.deepEqual(broken, [])
    assert.deepEqual(gatehouse.closedRoutes(), [])
    assert.deepEqual(
      firstStart.map((line) => line.split(':')[0]),
      [
        'certs/close.htpasswd',
        'certs/visits.key',
        'certs/desktops.key',
        'certs/photos.key',
        'certs/registration.key',
      ],
    )
  })

  test('takes ports and domain from the environment', async () => {
    const config = await load({
      HTTP_PORT: '80',
      HTTPS_PORT: '443',
      DEVICES_PORT: '8001',
      ADMIN_PORT: '9000',
      DOMAIN: 'a.example',
    })
    const ports = Object.values(config.listeners).map(({ port }) => port)
    assert.deepEqual([...ports, config.admin.port], [80, 443, 8001, 9000])
    const hosts = new Set(config.routes.flatMap(({ match }) => match.host ?? []))
    assert.deepEqual([...hosts].sort(), [
      'a.example',
      'camera.a.example',
      'hikvision.a.example',
      'photos.a.example',
    ])
  })

  const addresses: [listener: string, host: string, path: string, route: string | undefined][] = [
    ['https', 'localhost', '/', 'main'],
    ['https', 'localhost', '/house.css', 'main'],
    ['https', 'localhost', '/open', 'open'],
    ['https', 'localhost', '/open/', 'open'],
    ['https', 'localhost', '/opening', 'main'],
    ['https', 'localhost', '/close', 'close'],
    ['https', 'localhost', '/close/index.html', 'close'],
    ['https', 'localhost', '/closet', 'main'],
    ['https', 'localhost', '/flask/swagger/', 'visits-swagger'],
    ['https', 'localhost', '/flask/api/ping', 'visits'],
    ['https', 'localhost', '/flask/auth/login', 'visits-login'],
    ['https', 'localhost', '/flask/api/count', 'visits-count'],
    ['https', 'localhost', '/desktops', 'desktops'],
    ['https', 'localhost', '/desktops/api/desktops', 'desktops'],
    ['https', 'localhost', '/desktop/alice-ubuntu-vscode', 'desktop-door'],
    ['https', 'localhost', '/desktop/alice-ubuntu-vscode/', 'desktop-door'],
    ['https', 'localhost', '/desktop/alice-ubuntu-vscode/vnc.html', 'desktop'],
    ['https', 'localhost', '/desktop/alice-ubuntu-vscode/websockify', 'desktop'],
    ['https', 'localhost', '/desktop/alice-ubuntu-vscode/api/get_screenshot', 'desktop-api'],
    ['https', 'localhost', '/desktop/alice-ubuntu-vscode/apis', 'desktop'],
    ['https', 'photos.localhost', '/', 'photos'],
    ['https', 'photos.localhost', '/gallery/7', 'photos'],
    ['https', 'photos.localhost', '/api/v1/models', 'photos-api'],
    ['https', 'photos.localhost', '/api/v1/auth/login', 'photos-login'],
    ['https', 'photos.localhost', '/api/v1/auth/login/x', 'photos-api'],
    ['https', 'photos.localhost', '/health', 'photos-health'],
    ['https', 'photos.localhost', '/healthy', 'photos'],
    ['https', 'photos.localhost', '/uploads/a/b.jpg', 'photos-images'],
    ['https', 'photos.localhost', '/processed/a/b.jpg', 'photos-images'],
    ['https', 'camera.localhost', '/', 'camera'],
    ['https', 'camera.localhost', '/api/upload/chunk', 'camera'],
    ['https', 'camera.localhost', '/api/session/create', 'camera-sessions'],
    ['https', 'camera.localhost', '/api/quality/check', 'camera-checks'],
    ['https', 'camera.localhost', '/v2/health/ready', 'camera'],
    ['https', 'hikvision.localhost', '/anything/at/all', 'hikvision'],
    ['devices', '203.0.113.7', '/', 'camera-port'],
    ['devices', 'localhost', '/api/upload/chunk', 'camera-port'],
    ['devices', '203.0.113.7', '/api/session/create', 'camera-port-sessions'],
    ['devices', '203.0.113.7', '/api/quality/check', 'camera-port-checks'],
    ['devices', '203.0.113.7', '/hikvision/events', 'hikvision-port'],
    ['http', '203.0.113.7', '/hikvision/events', 'hikvision-port'],
    ['http', '203.0.113.7', '/hikvisions', undefined],
    ['http', 'localhost', '/close', undefined],
    ['http', 'photos.localhost', '/api/v1/models', undefined],
    ['https', 'other.localhost', '/', undefined],
    ['https', '203.0.113.7', '/', undefined],
  ]
  for (const [listener, host, path, route] of addresses) {
    test(`${host}${path} on ${listener} is ${route ?? 'no route'}`, () => {
      const match = gatehouse.state.table.match(sampleFacts({ listener, host, path }))
      assert.equal(match.found === 'route' ? match.route.name : undefined, route)
    })
  }

  test('sends what no route of the plain listener takes to https', () => {
    assert.equal(gatehouse.state.redirectPort('http'), 8443)
    assert.equal(gatehouse.state.redirectPort('devices'), undefined)
  })
})

describe('the closed room', () => {
  const right = () => `Basic ${Buffer.from(`admin:${password}`).toString('base64')}`
  const wrong = `Basic ${Buffer.from('admin:homework').toString('base64')}`
  const rows: [client: string, authorization: (() => string) | undefined, outcome: string][] = [
    ['198.51.100.1', undefined, 'address_denied'],
    ['198.51.100.1', right, 'address_denied'],
    ['10.0.0.6', right, 'address_denied'],
    ['192.168.2.1', right, 'address_denied'],
    ['10.0.0.5', undefined, 'credentials_required'],
    ['127.0.0.1', undefined, 'credentials_required'],
    ['127.0.0.1', () => wrong, 'credentials_invalid'],
    ['127.0.0.1', right, 'pass'],
    ['::1', right, 'pass'],
    ['::ffff:127.0.0.1', right, 'pass'],
    ['192.168.1.77', right, 'pass'],
  ]
  for (const [client, authorization, outcome] of rows) {
    const who = authorization === undefined ? 'nobody' : authorization === right ? 'admin' : 'a guesser'
    test(`answers ${outcome} to ${who} from ${client}`, async () => {
      const headers = authorization === undefined ? [] : ['authorization', authorization()]
      assert.equal(await decide({ path: '/close/', client, headers }), outcome)
    })
  }
})

describe('what needs a token', () => {
  const rows: [path: string, outcome: string, host?: string][] = [
    ['/api/v1/restore', 'token_required', 'photos.localhost'],
    ['/api/v1/auth/login/x', 'token_required', 'photos.localhost'],
    ['/uploads/a/b.jpg', 'token_required', 'photos.localhost'],
    ['/processed/a/b.jpg', 'token_required', 'photos.localhost'],
    ['/gallery/7', 'pass', 'photos.localhost'],
    ['/flask/api/count', 'token_required'],
    ['/flask/api/ping', 'pass'],
    ['/flask/auth/login', 'pass'],
    ['/desktop/alice-ubuntu-vscode/', 'token_required'],
    ['/desktop/alice-ubuntu-vscode/vnc.html', 'token_required'],
    ['/desktop/alice-ubuntu-vscode/api/users', 'address_denied'],
    ['/desktops', 'pass'],
  ]
  for (const [path, outcome, host = 'localhost'] of rows) {
    test(`${host}${path} is ${outcome} without one`, async () =>
      assert.equal(await decide({ path, host }), outcome))
  }
})

describe('the sites, over a socket', () => {
  const browser = 'text/html,application/xhtml+xml,*/*;q=0.8'
  const rows: [path: string, accept: string, status: number, type: string | null, body: RegExp][] = [
    ['/', browser, 200, 'text/html; charset=utf-8', /<iframe data-src="\/close\/"/],
    ['/house.css', '*/*', 200, 'text/css; charset=utf-8', /--paper/],
    ['/doors.js', '*/*', 200, 'application/javascript; charset=utf-8', /querySelector/],
    ['/open', browser, 308, null, /^$/],
    ['/open/', browser, 200, 'text/html; charset=utf-8', /the door is open/],
    ['/close/', browser, 401, 'text/html; charset=utf-8', /Your name, please/],
    ['/close/', 'application/json', 401, 'application/problem+json', /"code":"credentials_required"/],
    ['/none', browser, 404, 'text/html; charset=utf-8', /Not on any shelf/],
    ['/none', '*/*', 404, 'application/problem+json', /"code":"file_not_found"/],
    ['/flask/swagger/', browser, 503, 'text/html; charset=utf-8', /<bdi>visits<\/bdi>/],
    ['/flask/swagger/', '*/*', 503, 'application/problem+json', /"service":"visits"/],
  ]
  for (const [path, accept, status, type, body] of rows) {
    test(`${path} for ${accept} is ${status}`, async (t) => {
      const response = await ask(await listen(t), path, { accept })
      assert.equal(response.status, status)
      assert.equal(response.headers['content-type'] ?? null, type)
      assert.match(response.text, body)
      assert.equal(response.headers['x-frame-options'], 'SAMEORIGIN')
      if (status === 308) assert.equal(response.headers.location, '/open/')
    })
  }

  test('know again what a browser already has', async (t) => {
    const origin = await listen(t)
    const { headers } = await ask(origin, '/open/', { accept: browser })
    const again = await ask(origin, '/open/', { accept: browser, 'if-none-match': String(headers.etag) })
    assert.equal(again.status, 304)
    assert.equal(again.text, '')
  })
})

// --- Internal ---

/** The routes of the encrypted listener on a plain socket, because what they serve is the matter here. */
async function listen(t: TestContext): Promise<number> {
  const server = createServer((request, response) => {
    const config = gatehouse.config.listeners.https as ListenerConfig
    gatehouse.serve({
      request,
      response,
      listener: { name: 'https', secure: true, config, port: 8443 },
      peer: parseAddress('127.0.0.1') as ClientAddress,
      peerPort: 1,
      expectsContinue: false,
    })
  })
  t.after(() => server.close())
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return (server.address() as AddressInfo).port
}

async function ask(port: number, path: string, fields: Record<string, string>) {
  const asked = get({ port, path, agent: false, headers: { host: 'localhost:8443', ...fields } })
  const [response] = (await once(asked, 'response')) as [IncomingMessage]
  return { status: response.statusCode, headers: response.headers, text: await text(response) }
}

async function decide(sample: SampleFacts): Promise<string> {
  const facts = sampleFacts({ host: 'localhost', ...sample })
  const match = gatehouse.state.table.match(facts)
  if (match.found !== 'route') return match.found
  facts.params = match.params
  const decision = await askPolicies(match.route.policies, facts)
  return decision.outcome === 'deny' ? decision.code : decision.outcome
}

async function load(env: Record<string, string>): Promise<LoadedConfig> {
  const result = await loadConfig({ file: join(clone, 'routes.yaml'), env })
  assert.deepEqual(result.ok ? result.warnings : result.problems, [])
  return (result as Extract<typeof result, { ok: true }>).config
}
