import assert from 'node:assert/strict'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { describe, test } from 'node:test'
import { serveOnFreePorts } from '../differential/server-process.ts'
import { selfSigned } from '../harness/certificate.ts'
import { runCli } from '../harness/cli.ts'
import { needs } from '../harness/parts.ts'
import { startProxy } from '../harness/proxy.ts'
import { rawRequest } from '../harness/raw-request.ts'
import { type Ask, request } from '../harness/request.ts'
import type { Teardown } from '../harness/teardown.ts'
import { tempFolder } from '../harness/temp-folder.ts'
import { echo, startUpstream } from '../harness/upstream.ts'
import { openWebSocket } from '../harness/websocket.ts'
import { serveSites } from './other-proxies.ts'
import { type Site, sites, sitesOfGuides } from './sites.ts'

/**
 * Whole sites as their owners run them: read into routes.yaml they pass the check, what has no counterpart is named with
 * its line, and every request gets what it got before, from the same service, which sees the same of it.
 */

const ours = await sitesOfGuides()

for (const site of [...sites, ...ours])
  describe(site.title, site.of === 'traefik' ? {} : needs(site.of), () => {
    test('moves in, and every request gets the same', { timeout: 60_000 }, async (t) => {
      const home = await makeHome(t)
      const { yaml, leftOut } = await importOf(site, home)
      for (const expected of site.leftOut)
        assert.ok(
          leftOut.some(({ text }) => text.startsWith(expected)),
          `${expected} is not told: ${JSON.stringify(leftOut)}`,
        )
      const lines = home.localize(site.text).split('\n')
      for (const { line, text } of leftOut)
        assert.ok(lines[line - 1]?.includes(text.split(/[ :.]/)[0] ?? ''), `line ${line} is not of ${text}`)
      const gatehouse = await startProxy(t, onOwnPorts(home.localize(yaml)), { folder: home.folder })
      if (site.of === 'traefik') return sortsByPath(site, gatehouse.url('http'))

      const of = site.of
      const [lane = { plain: 0, secure: 0 }] = await serveOnFreePorts(
        t,
        1,
        ([ports]) => {
          const { plain, secure } = ports ?? { plain: 0, secure: 0 }
          const text = onPorts(home.localize(site.text), plain, secure)
          // What serves TLS alone is asked in the clear whether it is there.
          const asked = of === 'nginx' && !text.includes(`:${plain}`) ? `server { listen ${plain}; }\n` : ''
          return serveSites[of](asked + text, home.folder)
        },
        [200, 301, 404],
      )
      const differences: string[] = []
      for (const [listener, port] of doorsOf(site, lane))
        for (const ask of asksOf(site, listener)) {
          const was = await answer(t, `${listener}://127.0.0.1:${port}`, ask, site.host)
          const is = await answer(t, gatehouse.url(site.of === 'caddy' ? 'https' : listener), ask, site.host)
          if (!isSame(was, is, site.of))
            differences.push(
              `${listener} ${JSON.stringify(ask)}\n  before ${JSON.stringify(was)}\n  after  ${JSON.stringify(is)}`,
            )
        }
      assert.deepEqual(differences, [], differences.join('\n'))
    })
  })

interface Home {
  readonly folder: string
  /** A configuration with the addresses and paths of this machine in the place of the owner's. */
  localize(text: string): string
}

async function makeHome(t: Teardown): Promise<Home> {
  const folder = await tempFolder(t)
  for (const [file, text] of [
    ['html/50x.html', 'a page for errors'],
    ['www/certbot/.well-known/acme-challenge/token-of-an-authority', 'a proof'],
    ['www/main/index.html', 'main'],
    ['www/site1/index.html', 'open'],
    ['www/site2/index.html', 'closed'],
    ['log/none', ''],
    ['htpasswd', 'ann:{SHA}qUqP5cyxm6YcTAhz05Hph5gvu9M=\n'],
  ] as const) {
    await mkdir(dirname(join(folder, file)), { recursive: true })
    await writeFile(join(folder, file), text)
  }
  const { cert, key } = await selfSigned(['gallery.test', 'small.test', 'desk.test', 'localhost'])
  await writeFile(join(folder, 'cert.pem'), cert)
  await writeFile(join(folder, 'key.pem'), key)
  const [back, front] = await Promise.all([startNamed(t, 'back'), startNamed(t, 'front')])
  const socket = await startNamed(t, 'socket', true)
  return {
    folder,
    localize: (text) =>
      text
        .replaceAll(/\b(localhost|127\.0\.0\.1|backend|app):(8000|5006)\b/g, new URL(back.url).host)
        .replaceAll(/\b(localhost|127\.0\.0\.1|frontend):3000\b/g, new URL(front.url).host)
        .replaceAll('/run/gunicorn/app.sock', socket.url.replace('unix:', ''))
        .replaceAll(/\/etc\/\S*(key|privkey)(\.pem)?(?=;)/g, `${folder}/key.pem`)
        .replaceAll(/\/etc\/\S+\.(crt|pem)(?=;)/g, `${folder}/cert.pem`)
        .replaceAll('/etc/nginx/.htpasswd', `${folder}/htpasswd`)
        .replaceAll('/var/log/nginx', `${folder}/log`)
        .replaceAll('/usr/share/nginx/html', `${folder}/html`)
        .replaceAll('/var/www', `${folder}/www`),
  }
}

/** A service that says who it is and what it saw; it speaks WebSocket, too. */
function startNamed(t: Teardown, name: string, unix = false) {
  return startUpstream(
    t,
    (incoming, response) => {
      response.setHeader('x-served-by', name)
      if (!incoming.url?.includes('big')) return echo(incoming, response)
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify('x'.repeat(4000)))
    },
    { unix, websocket: (socket) => socket.on('message', (message) => socket.send(`${name} ${message}`)) },
  )
}

async function importOf(site: Site, { folder, localize }: Home) {
  const source = join(folder, 'theirs')
  await writeFile(source, localize(site.text))
  const args = ['import', source, '--from', site.of, '--out', join(folder, 'routes.yaml'), '--json']
  const { stdout, stderr, code } = await runCli(args)
  assert.notEqual(code, 2, stderr)
  const leftOut: { line: number; text: string }[] = JSON.parse(stdout).leftOut
  assert.equal(code, leftOut.length > 0 ? 1 : 0)
  return { yaml: await readFile(join(folder, 'routes.yaml'), 'utf8'), leftOut }
}

/** The ports that clients see stay in redirects. */
function onOwnPorts(yaml: string): string {
  return yaml.replaceAll(
    /port: (80|443)$(\n +address: .*)?/gm,
    'port: 0\n    address: 127.0.0.1\n    publicPort: $1',
  )
}

function onPorts(text: string, plain: number, secure: number): string {
  return text
    .replaceAll(/listen 80\b/g, `listen 127.0.0.1:${plain}`)
    .replaceAll(/listen 443\b/g, `listen 127.0.0.1:${secure}`)
    .replaceAll('*:80>', `127.0.0.1:${plain}>`)
    .replaceAll(/^([\w.-]+) \{/gm, (line, host) => (host.includes('.') ? `http://${host}:${plain} {` : line))
}

/** The other one's doors. Caddy serves in the clear here what it would get a certificate for. */
function doorsOf({ of, text }: Site, { plain, secure }: { plain: number; secure: number }) {
  const doors: ['http' | 'https', number][] = []
  if (of !== 'nginx' || /listen 80\b/.test(text)) doors.push(['http', plain])
  if (/listen 443\b/.test(text)) doors.push(['https', secure])
  return doors
}

type Asked = Ask & { path: string; kind?: 'large' | 'socket' }

function asksOf({ of, text }: Site, listener: 'http' | 'https'): Asked[] {
  const authorization = `Basic ${Buffer.from('ann:test').toString('base64')}`
  const staff = `Basic ${Buffer.from('ann:correct horse').toString('base64')}`
  const asks: Asked[] = [
    ...[
      '/',
      '/page?x=1',
      '/api/users?y=2',
      '/uploads/a.jpg',
      '/uploads/private/a.jpg',
      '/processed/a.jpg',
      '/health',
      '/50x.html',
      '/.well-known/acme-challenge/token-of-an-authority',
      '/open/',
      '/close/',
      '/never/',
      '/read/this',
      '/flask/api/ping?z=1',
      '/staff/room',
    ].map((path) => ({ path })),
    { path: '/close/', headers: { authorization } },
    { path: '/close/', headers: { authorization }, from: '127.0.0.2' },
    { path: '/staff/room', headers: { authorization: staff } },
    { path: '/api/big', headers: { 'accept-encoding': 'gzip' } },
    { path: '/flask/auth/login', method: 'POST', body: '{}' },
    { path: '/read/this', method: 'POST', body: '{}' },
  ]
  // Whoever is sent elsewhere uploads nothing and opens no socket, and files are not posted to.
  if (listener === 'http' && text.includes('return 301')) return asks
  if (/:(8000|5006)/.test(text)) asks.push({ path: '/api/things', method: 'POST', body: 'a photo' })
  if (/:(8000|5006)/.test(text) && of === 'nginx') asks.push({ path: '/api/large', kind: 'large' })
  if (of === 'caddy' || text.includes('$http_upgrade')) asks.push({ path: '/socket', kind: 'socket' })
  return asks
}

interface Answer {
  readonly status: number
  readonly fields: Readonly<Record<string, string | undefined>>
  readonly servedBy: string | undefined
  readonly body: string
  /** What the service saw. */
  readonly seen: Readonly<Record<string, string | undefined>>
}

async function answer(
  t: Teardown,
  address: string,
  { path, kind, ...ask }: Asked,
  host: string,
): Promise<Answer> {
  const nothing = { fields: {}, servedBy: undefined, body: '', seen: {} }
  const port = Number(new URL(address).port)
  const tls = address.startsWith('https')
  if (kind === 'large') {
    const head = `POST ${path} HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 20000000\r\n\r\n`
    const { statuses } = await rawRequest(port, head, { tls, servername: host, until: /\r\n\r\n/ })
    return { ...nothing, status: sameStatus[statuses[0] ?? 0] ?? statuses[0] ?? 0 }
  }
  if (kind === 'socket') {
    try {
      const options = { headers: { host }, servername: host }
      const socket = await openWebSocket(t, `${address.replace('http', 'ws')}${path}`, options)
      socket.send('hello')
      return { ...nothing, status: 101, body: (await socket.next()).toString() }
    } catch (error) {
      const status = Number(/response: (\d+)/.exec((error as Error).message)?.[1])
      return { ...nothing, status: sameStatus[status] ?? status }
    }
  }
  const { status, headers, text } = await request(`${address}${path}`, {
    ...ask,
    headers: { host, accept: 'text/html', ...ask.headers },
    servername: host,
  })
  const servedBy = headers['x-served-by'] as string | undefined
  const seen = servedBy === undefined || path.includes('big') ? undefined : JSON.parse(text)
  return {
    status: sameStatus[status] ?? status,
    fields: {
      location: headers.location,
      realm: headers['www-authenticate']?.replace(/,? ?charset=.*/i, ''),
      coding: headers['content-encoding'],
      cache: headers['cache-control']?.split(/, */).sort().join(),
      ...Object.fromEntries(kept.map((name) => [name, headers[name] as string | undefined])),
    },
    servedBy,
    // Pages of refusals are each proxy's own.
    body:
      seen?.body ??
      (status < 300 && text.length < 500 && headers['content-encoding'] === undefined ? text : ''),
    seen:
      seen === undefined
        ? {}
        : {
            method: seen.method,
            url: seen.url,
            host: seen.headers.host.replace(/:\d+$/, ''),
            ...Object.fromEntries(forwarded.map((name) => [name, seen.headers[name]])),
          },
  }
}

/** A redirect of a listener keeps the method here, and a method that is not let pass has a status of its own. */
const sameStatus: Readonly<Record<number, number>> = { 308: 301, 405: 403 }
const kept = [
  'x-frame-options',
  'x-content-type-options',
  'referrer-policy',
  'strict-transport-security',
  'content-security-policy',
]
const forwarded = ['x-real-ip', 'x-forwarded-for', 'x-forwarded-proto']

/** What the other one says, this one says, too; it may say more. */
function isSame(was: Answer, is: Answer, of: Site['of']): boolean {
  const says = (side: 'fields' | 'seen') =>
    Object.entries(was[side]).every(
      ([name, value]) =>
        value === undefined || value === is[side][name] || (of === 'caddy' && name === 'x-forwarded-proto'),
    )
  const isEqual = was.status === is.status && was.servedBy === is.servedBy && was.body === is.body
  return isEqual && says('fields') && says('seen')
}

/** Traefik is no part of Debian: what its own documentation says is expected instead. */
async function sortsByPath({ host }: Site, door: string): Promise<void> {
  for (const [path, servedBy] of [
    ['/', 'front'],
    ['/page', 'front'],
    ['/api/users', 'back'],
    ['/uploads/a.jpg', 'back'],
  ] as const) {
    const { status, headers } = await request(`${door}${path}`, { headers: { host } })
    assert.deepEqual([status, headers['x-served-by']], [200, servedBy], path)
  }
  const { status } = await request(`${door}/`, { headers: { host: 'other.test' } })
  assert.equal(status, 404)
}
