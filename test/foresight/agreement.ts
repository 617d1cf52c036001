import { createHmac } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { rehearsedResponse } from '../../proxy/rehearsal/rehearsed-response.ts'
import { incomingOf, type SampleRequest } from '../../proxy/rehearsal/sample-request.ts'
import type { Incoming } from '../../proxy/request/accept/incoming.ts'
import { rehearse } from '../../proxy/request/rehearsal.ts'
import { createRandom, type Random } from '../fuzz/random.ts'
import { selfSigned } from '../harness/certificate.ts'
import { type Proxy as RunningProxy, startProxy } from '../harness/proxy.ts'
import { onEnd, type Teardown } from '../harness/teardown.ts'
import { tempFolder } from '../harness/temp-folder.ts'
import { type Client, type Outcome, openClients } from './agreement-clients.ts'

/**
 * The promise: `explain` and the running proxy never differ. Requests are made up from pieces that tables and attackers
 * use, are asked of both, and what came of them is compared: status, route, where it is sent, and with which fields.
 */
export interface AgreementSettings {
  readonly requests: number
  readonly seed: number
  progress?(asked: number): void
}

export interface Agreement {
  readonly asked: number
  /** How many got each status, so that a run that only ever meets 404 is seen. */
  readonly statuses: Readonly<Record<number, number>>
  readonly disagreements: readonly Disagreement[]
}

export interface Disagreement {
  readonly request: SampleRequest
  readonly explained: Outcome
  readonly happened: Outcome
}

export async function compareExplainAndProxy(
  t: Teardown,
  { requests, seed, progress }: AgreementSettings,
): Promise<Agreement> {
  const proxy = await startWorld(t)
  const random = createRandom(seed)
  const clients = openClients(t, proxy)
  const statuses: Record<number, number> = {}
  const disagreements: Disagreement[] = []
  let asked = 0

  async function work(client: Client): Promise<void> {
    while (asked < requests && disagreements.length < 10) {
      asked++
      if (asked % 10_000 === 0) progress?.(asked)
      const request = client.fit(requestFrom(random))
      const explained = await explain(request, proxy)
      const happened = await client.ask(request)
      // A client that refuses to send something has not asked.
      if (happened === undefined) continue
      statuses[happened.status] = (statuses[happened.status] ?? 0) + 1
      if (JSON.stringify(explained) !== JSON.stringify(happened))
        disagreements.push({ request, explained, happened })
    }
  }
  await Promise.all(clients.map(work))
  return { asked, statuses, disagreements }
}

// --- what is asked of both ---

const key = 'a key of forty-two bytes for signing tokens.'

async function startWorld(t: Teardown): Promise<RunningProxy> {
  const folder = await tempFolder(t)
  const { cert, key: certificateKey } = await selfSigned()
  for (const [name, text] of [
    ['cert.pem', cert],
    ['key.pem', certificateKey],
    ['users', 'ann:{SHA}qUqP5cyxm6YcTAhz05Hph5gvu9M=\n'],
  ] as const)
    await writeFile(join(folder, name), text)
  const server = createServer((request, response) => {
    request.resume()
    response.setHeader(
      'x-sent',
      encodeURIComponent(sentText(request.method, request.url, request.rawHeaders)),
    )
    response.end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onEnd(t, () => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return startProxy(t, tableFor(port), { folder, env: { KEY: key } })
}

/** Every kind of match, destination and policy that is decided from facts; each route says its name in a field. */
function tableFor(port: number): string {
  const routes: Record<string, string> = {
    root: 'match: {}, to: app',
    site: 'match: { host: site.test }, to: app, policies: { methods: [GET, POST] }',
    inner:
      'match: { host: site.test, path: /inner }, policies: { allow: [127.0.0.2, 127.0.0.4/30] }, to: app',
    exact: 'match: { host: site.test, path: /exact, exact: true }, to: app, forward: { host: other.test }',
    stripped: 'match: { host: site.test, path: [/a/b, /c] }, to: app, forward: { prefix: strip }',
    moved: 'match: { host: site.test, path: /v1 }, to: app, forward: { prefix: /v2 }',
    old: 'match: { host: site.test, path: /old }, redirect: "https://new.test{path}{query}"',
    writes:
      'match: { host: site.test, path: /both, methods: [POST, PUT] }, to: app, policies: { maxBody: 10B }',
    reads: 'match: { host: site.test, path: /both }, to: app',
    user: 'match: { host: site.test, path: "/u/:name/x" }, to: app, policies: { jwt: { key: "env:KEY", require: { sub: ":name" } } }',
    any: 'match: { host: "*.wild.test" }, to: app, policies: { deny: [127.0.0.3] }',
    one: 'match: { host: one.wild.test, path: /p }, to: app, policies: { basicAuth: { users: users } }',
    seen: 'match: { host: site.test, path: /seen }, to: app, policies: { deny: { networks: [127.0.0.0/8], mode: observe } }',
    shut: 'match: { host: site.test, path: /shut }, to: app, policies: { maintenance: { allow: [127.0.0.5] } }',
    cross:
      'match: { host: site.test, path: /cross }, to: app, policies: { cors: { origins: ["https://app.test"] } }',
    plain: 'match: { path: /plain }, listeners: [http], to: app',
  }
  const written = Object.entries(routes).map(([name, rest]) => {
    const policies = /policies: \{ /.test(rest) ? rest : `${rest}, policies: { }`
    const named = policies.replace(
      'policies: {',
      `policies: { headers: { response: { set: { x-route: ${name} } } },`,
    )
    return `  - { name: ${name}, ${named} }`
  })
  return `
listeners:
  http: { port: 0, address: 127.0.0.1, publicPort: 8080, redirect: https }
  https: { port: 0, address: 127.0.0.1, publicPort: 8443 }
tls: { certificates: [{ cert: cert.pem, key: key.pem }] }
trustedProxies: [127.0.0.6]
upstreams: { app: { targets: ["http://127.0.0.1:${port}"] } }
limits: { delay: 0s, keepAlive: 10m }
routes:
${written.join('\n')}
`
}

const methods = ['GET', 'GET', 'GET', 'POST', 'PUT', 'HEAD', 'DELETE', 'OPTIONS', 'TRACE', 'get', 'PURGE']
const hosts = [
  'site.test',
  'site.test',
  'site.test',
  'one.wild.test',
  'two.wild.test',
  'a.b.wild.test',
  'wild.test',
]
const oddHosts = [
  'SITE.test',
  'site.test.',
  'site.test:8443',
  'site.test:x',
  '[::1]',
  '127.0.0.1',
  'sité.test',
  'a_b',
  'x@site.test',
  'site.test/x',
]
const beginnings = [
  ['u', 'ann', 'x'],
  ['u', 'ann', 'x'],
  ['p'],
  ['inner'],
  ['both'],
  ['shut'],
  ['seen'],
  ['cross'],
  ['a', 'b'],
  ['v1'],
]
const segments = [
  'inner',
  'exact',
  'a',
  'b',
  'c',
  'v1',
  'old',
  'both',
  'u',
  'ann',
  'x',
  'p',
  'seen',
  'shut',
  'cross',
  'plain',
  'closet',
  'INNER',
]
const oddSegments = [
  '',
  '.',
  '..',
  '%2e%2e',
  '%2f',
  '%5c',
  '\\',
  '%00',
  '%69nner',
  '%2569nner',
  'inner;x=1',
  ';',
  '..;',
  '%c0%af',
  '%ef%bc%8f',
  'é',
  '%zz',
  '%20',
  '+',
  '*',
  'a%0d%0ab',
]
const queries = ['', '', '', '?', '?a=1', '?a=/../b', '?%00', '?é']

function requestFrom(random: Random): SampleRequest {
  const host = random.percent(85) ? random.pick(hosts) : random.pick(oddHosts)
  // Two of three begin as a route does, or most would be about the root.
  const known = random.percent(65) ? random.pick(beginnings) : []
  const path = [...known]
  for (let more = random.below(4); more > 0; more--)
    path.push(random.percent(88) ? random.pick(segments) : random.pick(oddSegments))
  const end = random.percent(15) ? '/' : ''
  const target = `/${path.join('/')}${end}${random.pick(queries)}`
  return {
    method: random.pick(methods),
    url: `https://${host}${target}`,
    from: `127.0.0.${1 + random.below(6)}`,
    headers: fieldsFrom(random),
    listener: 'https',
    http2: false,
    upgrade: false,
  }
}

function fieldsFrom(random: Random): string[] {
  const fields: string[] = []
  if (random.percent(15))
    fields.push(`Authorization: Basic ${base64(random.pick(['ann:pw', 'ann:no', 'bob:pw', 'x']))}`)
  else if (random.percent(20)) fields.push(`Authorization: Bearer ${tokenFrom(random)}`)
  if (random.percent(10))
    fields.push(
      `X-Forwarded-For: ${random.pick(['127.0.0.2', '10.0.0.1, 127.0.0.3', 'x', '::ffff:127.0.0.2'])}`,
    )
  if (random.percent(10))
    fields.push(`Origin: ${random.pick(['https://app.test', 'https://evil.test', 'null'])}`)
  if (random.percent(5)) fields.push('Access-Control-Request-Method: PUT')
  if (random.percent(5)) fields.push('X-Forwarded-Proto: http')
  if (random.percent(5)) fields.push('X-Real-IP: 127.0.0.2')
  if (random.percent(5)) fields.push('Accept: text/html')
  return fields
}

function tokenFrom(random: Random): string {
  const claims = { sub: random.pick(['ann', 'b', 'x']), exp: random.pick([4_000_000_000, 1]) }
  const alg = random.pick(['HS256', 'HS256', 'none'])
  const signed = `${base64url({ alg, typ: 'JWT' })}.${base64url(claims)}`
  const by = random.pick([key, key, key, 'another key of forty bytes and some more..'])
  return `${signed}.${alg === 'none' ? '' : createHmac('sha256', by).update(signed).digest('base64url')}`
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64')
}
function base64url(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

// --- what each says ---

async function explain(request: SampleRequest, { gatehouse }: RunningProxy): Promise<Outcome> {
  let incoming: Incoming
  try {
    incoming = incomingOf(request, gatehouse.config)
  } catch {
    return { status: 400, route: undefined, location: undefined, sent: undefined }
  }
  const rehearsal = await rehearse(incoming, gatehouse.state)
  const { status, headers } = rehearsedResponse(rehearsal)
  const { sent, route } = rehearsal
  const passes = status === undefined
  return {
    // The upstream takes no WebSocket, and its answer is relayed.
    status: status ?? 200,
    route: rehearsal.unreadable === undefined ? route?.name : undefined,
    location: headers.location?.toString(),
    sent: passes && sent !== undefined ? sentText(sent.method, sent.path, sent.headers) : undefined,
  }
}

/** Without what is made for each exchange, and what belongs to one connection. */
function sentText(method: string | undefined, path: string | undefined, headers: readonly string[]): string {
  const fields: string[] = []
  for (let at = 0; at < headers.length; at += 2) {
    const name = headers[at]?.toLowerCase() ?? ''
    if (!ofTheConnection.has(name)) fields.push(`${name}: ${headers[at + 1]}`)
  }
  return [`${method} ${path}`, ...fields.sort()].join('\n')
}

const ofTheConnection = new Set([
  'x-request-id',
  'connection',
  'keep-alive',
  'content-length',
  'transfer-encoding',
  'traceparent',
])
