import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { SignJWT } from 'jose'
import { runExplain } from '../../proxy/cli/explain.ts'
import { eventually } from '../harness/eventually.ts'
import { connectHttp2 } from '../harness/http2.ts'
import { request } from '../harness/request.ts'
import { startShipped } from './shipped.ts'

/** `gatehouse explain` says beforehand what the running proxy then does, for requests to the shipped routes.yaml. */

const t = { after }
const { proxy, folder, env, admin } = await startShipped(t)
Object.assign(process.env, env)

interface Row {
  listener?: 'https' | 'http' | 'devices'
  host?: string
  method?: string
  path: string
  from?: string
  headers?: Record<string, string>
  how?: 'HTTP/2' | 'an upgrade'
  /** What both say, so that they do not only agree in a mistake. */
  route: string | undefined
  status?: number
}

const visits = `Bearer ${await tokenFor('certs/visits.key', { sub: 'ann', iss: 'visits' })}`
const desktop = await tokenFor('certs/desktops.key', { desktop: 'alice-ubuntu', aud: 'gatehouse-desktops' })
const html = { accept: 'text/html' }
const rows: Row[] = [
  { path: '/', route: 'main' },
  { path: '/', how: 'HTTP/2', route: 'main' },
  { path: '/house.css', route: 'main' },
  { path: '/missing', route: 'main' },
  { path: '/', method: 'POST', route: 'main' },
  { path: '/opening', route: 'main' },
  { path: '/open', route: 'open' },
  { path: '/open/', route: 'open' },
  { path: '/open/', how: 'HTTP/2', route: 'open' },
  { path: '/open/', how: 'an upgrade', route: 'open' },
  { path: '/close/', route: 'close', status: 401 },
  { path: '/close/', how: 'HTTP/2', route: 'close', status: 401 },
  { path: '/close/', how: 'an upgrade', route: 'close', status: 401 },
  { path: '/close/', headers: { authorization: 'Basic YWRtaW46bm8=' }, route: 'close', status: 401 },
  { path: '/close/', headers: { authorization: admin }, route: 'close' },
  { path: '/close/', from: '127.0.0.2', headers: { authorization: admin }, route: 'close', status: 403 },
  { path: '/close/', from: '127.0.0.2', how: 'HTTP/2', route: 'close', status: 403 },
  { path: '/close/', from: '127.0.0.2', how: 'an upgrade', route: 'close', status: 403 },
  {
    path: '/close/',
    from: '127.0.0.2',
    headers: { 'x-forwarded-for': '127.0.0.1' },
    route: 'close',
    status: 403,
  },
  { path: '/%63lose/', route: 'close', status: 401 },
  { path: '/open/../close/', route: 'close', status: 401 },
  { path: '//close/', route: 'close', status: 401 },
  { path: '/open/..%2fclose/', route: undefined, status: 400 },
  { path: '/close%00', route: undefined, status: 400 },
  { path: '/closet', route: 'main' },
  { path: '/flask/swagger/', route: 'visits-swagger' },
  { path: '/flask/auth/login', method: 'POST', route: 'visits-login' },
  { path: '/flask/auth/login/x', route: 'visits' },
  { path: '/flask/api/count', route: 'visits-count', status: 401 },
  { path: '/flask/api/count', how: 'an upgrade', route: 'visits-count', status: 401 },
  { path: '/flask/api/count', headers: { authorization: visits }, route: 'visits-count' },
  { path: '/flask/api/count', headers: { authorization: `${visits}x` }, route: 'visits-count', status: 401 },
  { path: '/desktops', route: 'desktops' },
  { path: '/desktop/alice-ubuntu', route: 'desktop-door', status: 401 },
  { path: '/desktop/alice-ubuntu/x', route: 'desktop', status: 401 },
  { path: '/desktop/alice-ubuntu/x', headers: html, route: 'desktop' },
  {
    path: '/desktop/alice-ubuntu/x',
    headers: { cookie: `__Host-gatehouse_session=${desktop}` },
    route: 'desktop',
  },
  {
    path: '/desktop/bob-ubuntu/x',
    headers: { cookie: `__Host-gatehouse_session=${desktop}` },
    route: 'desktop',
    status: 403,
  },
  {
    path: '/desktop/bob-ubuntu/x',
    how: 'an upgrade',
    headers: { cookie: `__Host-gatehouse_session=${desktop}` },
    route: 'desktop',
    status: 403,
  },
  { host: 'photos.localhost', path: '/', route: 'photos' },
  { host: 'PHOTOS.localhost', path: '/gallery', route: 'photos' },
  { host: 'photos.localhost', path: '/api/v1/models', route: 'photos-api' },
  {
    host: 'photos.localhost',
    path: '/api',
    method: 'POST',
    headers: { 'content-length': '12000000' },
    route: 'photos-api',
    status: 413,
  },
  { host: 'photos.localhost', path: '/uploads/a.jpg', how: 'HTTP/2', route: 'photos-images' },
  { host: 'camera.localhost', path: '/api/session/create', route: 'camera-sessions' },
  { host: 'hikvision.localhost', path: '/x', route: 'hikvision' },
  { host: 'other.localhost', path: '/', route: undefined, status: 404 },
  { host: 'a..b', path: '/', route: undefined, status: 400 },
  { listener: 'http', path: '/close/?x', route: undefined, status: 308 },
  { listener: 'http', host: '127.0.0.1', path: '/hikvision/events', method: 'POST', route: 'hikvision-port' },
  { listener: 'http', path: '/close/', how: 'an upgrade', route: undefined, status: 404 },
  { listener: 'devices', host: '127.0.0.1', path: '/', route: 'camera-port' },
  { listener: 'devices', path: '/hikvision/events', route: 'hikvision-port' },
]

describe('explain says what happens', () => {
  for (const [index, row] of rows.entries()) {
    const { listener = 'https', host = 'localhost', method = 'GET', path, from = '127.0.0.1', how } = row
    const title = `${method} ${listener} ${host}${path} from ${from}${how ? ` over ${how}` : ''}, row ${index}`
    test(title, async () => {
      const target = `${path}${path.includes('?') ? '&' : '?'}row=${index}`
      const said = await explained({ ...row, path: target })
      const happened = await asked({ ...row, path: target })
      const entry = await eventually(() => logged(`row=${index}"`))
      assert.equal(entry.status, happened)
      assert.equal(said.route?.name, entry.router)
      assert.equal(entry.router, row.route)
      if (said.status !== undefined) assert.equal(said.status, happened)
      if (row.status !== undefined) assert.equal(said.status, row.status)
      // What explain leaves to the upstream or the folder was not decided by a policy either.
      assert.equal(said.decision?.outcome === 'deny' ? said.decision.policy : undefined, entry.deny_policy)
      if (said.status === undefined) assert.ok([200, 308, 404, 405, 503].includes(happened), `${happened}`)
      if (said.request) assert.equal(said.request.client, entry.request.client_ip)
    })
  }
})

interface Said {
  status?: number
  route?: { name: string }
  redirect?: string
  decision?: { outcome: string; policy?: string }
  request?: { client: string }
}

async function explained({
  listener = 'https',
  host = 'localhost',
  path,
  from,
  headers,
  method,
  how,
}: Row): Promise<Said> {
  let text = ''
  await runExplain(
    {
      file: join(folder, 'routes.yaml'),
      method: method ?? 'GET',
      url: `${listener === 'https' ? 'https' : 'http'}://${host}:${proxy.port(listener)}${path}`,
      from: from ?? '127.0.0.1',
      headers: Object.entries(headers ?? {}).map(([name, value]) => `${name}: ${value}`),
      http2: how === 'HTTP/2',
      upgrade: how === 'an upgrade',
      json: true,
    },
    {
      out: (line) => {
        text += line
      },
      err: (line) => assert.fail(line),
      colour: false,
    },
  )
  return JSON.parse(text)
}

async function asked({
  listener = 'https',
  host = 'localhost',
  path,
  from,
  headers,
  method,
  how,
}: Row): Promise<number> {
  const port = proxy.port(listener)
  if (how === 'HTTP/2') {
    const client = await connectHttp2(t, port, { authority: `${host}:${port}`, from })
    return (await client.request(path, { method, headers })).status
  }
  const handshake = {
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
  }
  const reply = await request(proxy.url(listener), {
    target: path,
    method,
    from,
    headers: { host: `${host}:${port}`, ...(how && handshake), ...headers },
  })
  return reply.status
}

type Entry = { status: number; router?: string; deny_policy?: string; request: { client_ip: string } }

/** The entry with these words, in whichever log it is. */
async function logged(words: string): Promise<Entry | undefined> {
  const logs = join(folder, 'data/logs')
  const texts = await Promise.all((await readdir(logs)).map((name) => readFile(join(logs, name), 'utf8')))
  const line = texts.flatMap((text) => text.split('\n')).find((each) => each.includes(words))
  return line === undefined ? undefined : JSON.parse(line)
}

async function tokenFor(key: string, claims: Record<string, string>): Promise<string> {
  const secret = Buffer.from(await readFile(join(folder, key), 'utf8'))
  return new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).setExpirationTime('1h').sign(secret)
}
