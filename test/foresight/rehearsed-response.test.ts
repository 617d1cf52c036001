/**
 * The response that a route test sees is the one that the running proxy sends.
 *
 * Fault: the rehearsal set the fields in an order of its own. A policy's own answer came last there, where the running
 * proxy puts the fields of the route over it, and a field that was said twice became one: a route test held for fields
 * that no client ever got.
 *
 * Right: both call one function. Every policy of the table, at every door, in front of everything that a route can lead
 * to, with policies beside it that say the same fields; and each kind of answer that no policy makes.
 */
import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import type { PolicyName } from '../../proxy/config/policy-schemas.ts'
import { type UpstreamState, upstreamStates } from '../../proxy/config/route-tests.ts'
import { errors } from '../../proxy/errors.ts'
import { rehearsedResponse } from '../../proxy/rehearsal/rehearsed-response.ts'
import { incomingOf, type SampleRequest } from '../../proxy/rehearsal/sample-request.ts'
import type { ResponseHeaders } from '../../proxy/request/policies/policy.ts'
import { rehearse } from '../../proxy/request/rehearsal.ts'
import { type Door, doors } from '../faults/scene.ts'
import { eventually } from '../harness/eventually.ts'
import { freePort } from '../harness/free-port.ts'
import { connectHttp2 } from '../harness/http2.ts'
import { observing, policySamples, sampleEnvironment, sampleUsers } from '../harness/policy-samples.ts'
import { type Proxy as RunningProxy, startProxy } from '../harness/proxy.ts'
import { request } from '../harness/request.ts'
import { startScriptedUpstream } from '../harness/scripted-upstream.ts'
import type { Teardown } from '../harness/teardown.ts'
import { tempFolder } from '../harness/temp-folder.ts'
import { startUpstream } from '../harness/upstream.ts'

const destinations = ['relayed', 'static', 'redirect', 'closed'] as const
const modes = ['enforce', 'observe'] as const

/** Says, of every response, some of what the policies say, and some of it twice. */
const beside = {
  headers: {
    response: {
      set: { 'X-A': 'set', 'Cache-Control': 'no-transform' },
      add: { 'X-Frame-Options': 'DENY', Vary: 'Cookie', Location: '/second' },
    },
  },
  securityHeaders: { contentSecurityPolicy: { 'default-src': ["'self'"] } },
}

test('a rehearsed head is what goes out, for every policy, door, destination and mode', async (t) => {
  const routes: string[] = []
  const asked: Asked[] = []
  for (const name of Object.keys(policySamples) as PolicyName[]) {
    const sample = policySamples[name]
    for (const mode of modes) {
      if (mode === 'observe' && 'adds' in sample) continue
      for (const destination of destinations) {
        const route = `${name}-${mode}-${destination}`
        const options =
          'adds' in sample ? sample.adds : mode === 'enforce' ? sample.refuses : observing(name, sample)
        routes.push(
          `{ name: ${route}, ${policiesText({ ...beside, [name]: options })}, ${leads[destination]} }`,
        )
        // An upgrade with a body is refused at the door, before there is a rehearsal.
        for (const door of doors)
          if (door !== 'upgrade' || !('body' in sample)) asked.push({ path: `/${route}/`, door, sample })
      }
    }
  }
  const scene = await openScene(t, routes)
  for (const each of asked) await scene.compare(each)
})

test('a rehearsed head is what goes out, for answers of policies and of none', async (t) => {
  const extensions = (name: string, options = {}) => policiesText({ ...beside, [name]: options })
  const scene = await openScene(t, [
    `{ name: answers, ${extensions('answering')}, to: app }`,
    `{ name: answers-cors, ${policiesText({ cors: { origins: ['https://app.test'] }, ...beside })}, to: app }`,
    `{ name: passes, ${extensions('passing')}, to: app }`,
    `{ name: twice, ${extensions('passing')}, redirect: /elsewhere }`,
    `{ name: refuses, ${policiesText({ passing: {}, deny: ['127.0.0.1'], ...beside })}, to: app }`,
    `{ name: breaks, ${extensions('breaking')}, redirect: /elsewhere }`,
    `{ name: splits, ${extensions('splitting')}, redirect: /elsewhere }`,
  ])
  for (const door of doors) {
    for (const path of [
      '/answers',
      '/passes',
      '/twice',
      '/refuses',
      '/breaks',
      '/splits',
      '/no/such',
      '/a%2fb',
    ])
      for (const accept of ['text/html', 'application/json'])
        await scene.compare({ path, door, sample: { headers: { accept } } })
    if (door === 'upgrade') continue
    for (const origin of ['https://app.test', 'https://evil.test'])
      await scene.compare({
        path: '/answers-cors',
        door,
        method: 'OPTIONS',
        sample: { headers: { origin, 'access-control-request-method': 'PUT' } },
      })
    await scene.compare({ path: '/refuses', door, method: 'HEAD', sample: {} })
  }
})

/**
 * Fault: what somebody reads while a service is away could not be tried before it was. `upstream: away` of a route test
 * makes the page, and here each state is brought about, and the page that comes compared.
 */
test('the page of each state of an upstream is what goes out', async (t) => {
  const [silent, garbled] = await Promise.all([
    startScriptedUpstream(t, []),
    startScriptedUpstream(t, ['no HTTP\r\n\r\n', 'END']),
  ])
  const stranger = await startUpstream(t, undefined, { tls: true })
  const closed = await freePort()
  const targets: Record<UpstreamState, string> = {
    away: 'leased: true',
    refusing: `targets: ["http://127.0.0.1:${closed}"]`,
    slow: `targets: ["${silent.url}"]`,
    broken: `targets: ["${garbled.url}"]`,
    untrusted: `targets: ["${stranger.url}"]`,
    busy: `targets: ["${silent.url}"], connections: 1, queue: 0`,
  }
  const states = Object.keys(upstreamStates) as UpstreamState[]
  assert.deepEqual(
    Object.values(upstreamStates).sort(),
    Object.keys(errors)
      .filter((code) => code.startsWith('upstream_'))
      .sort(),
  )
  const scene = await openScene(
    t,
    states.map(
      (state) =>
        `{ name: ${state}, ${policiesText({ ...beside, compress: true })}, to: ${state}, timeouts: { response: ${state === 'busy' ? '30s' : '300ms'} } }`,
    ),
    states.map((state) => `${state}: { ${targets[state]} }`),
  )
  const holding = scene.ask({ path: '/busy/', door: 'HTTP/1.1', sample: {} }).catch(() => {})
  await eventually(() => silent.connections.length === 1)
  for (const state of states)
    for (const door of doors)
      if (door !== 'upgrade' || state !== 'busy')
        for (const accept of ['text/html', 'application/json'])
          await scene.compare({ path: `/${state}/`, door, sample: { headers: { accept } }, upstream: state })
  await scene.compare({ path: '/away/', door: 'HTTP/1.1', method: 'HEAD', sample: {}, upstream: 'away' })
  void holding
})

interface Asked {
  readonly path: string
  readonly upstream?: UpstreamState
  readonly door: Door
  readonly method?: string
  readonly sample: { readonly headers?: Readonly<Record<string, string>>; body?: string; before?: number }
}

interface Scene {
  ask(asked: Asked): Promise<Head>
  compare(asked: Asked): Promise<void>
}

const leads: Readonly<Record<(typeof destinations)[number], string>> = {
  relayed: 'to: app',
  static: 'files: pages, forward: { prefix: strip }',
  redirect: 'redirect: { location: "/elsewhere{path}" }',
  closed: 'to: app, middleware: [{ use: broken }]',
}

function policiesText(policies: object): string {
  return `policies: ${JSON.stringify(policies)}`
}

const extensions: Readonly<Record<string, string>> = {
  answering: `decide: () => ({ verdict: 'answer', status: 403, reason: 'it says so', body: 'no', headers: [
    ['X-A', 'own'], ['Set-Cookie', 'a=1'], ['set-cookie', 'b=2'], ['Location', '/one'], ['location', '/two'],
    ['X-Frame-Options', 'none'], ['Content-Security-Policy', 'own']] })`,
  passing: `decide: () => ({ verdict: 'pass', responseHeaders: [
    ['X-Twice', '1'], ['x-twice', '2'], ['Location', '/own'], ['X-A', 'own']] })`,
  breaking: `editResponse() { throw new Error('no') }`,
  splitting: `editResponse: (facts, head) => void (head.headers['x-split'] = 'a\\nb')`,
  broken: '',
}

async function openScene(
  t: Teardown,
  written: readonly string[],
  upstreams: readonly string[] = [],
): Promise<Scene> {
  const folder = await tempFolder(t)
  await mkdir(join(folder, 'pages'))
  await writeFile(join(folder, 'pages/index.html'), 'a page')
  await writeFile(join(folder, 'users'), sampleUsers)
  for (const [name, hooks] of Object.entries(extensions))
    await writeFile(
      join(folder, `${name}.ts`),
      name === 'broken'
        ? "throw new Error('no')"
        : `export default { kind: 'policy', create: () => ({ ${hooks} }) }`,
    )
  const upstream = await startUpstream(t, (_, response) => response.writeHead(200, ofUpstream).end('whole'), {
    websocket: () => {},
  })
  const proxy = await startProxy(
    t,
    [
      'listeners: { http: { port: 0, address: 127.0.0.1 }, https: { port: 0, address: 127.0.0.1 } }',
      `upstreams: { ${[`app: { targets: ["${upstream.url}"] }`, ...upstreams].join(', ')} }`,
      `extensions: { ${Object.keys(extensions).map((name) => `${name}: ./${name}.ts`)} }`,
      'routes:',
      ...written.map((route) => {
        const [, name] = /name: ([\w-]+)/.exec(route) ?? []
        return `  - { match: { path: /${name} }, listeners: [http, https], ${route.slice(2)}`
      }),
    ].join('\n'),
    { folder, env: sampleEnvironment },
  )
  const http2 = await connectHttp2(t, proxy.port('https'))

  async function ask({ path, door, sample, method = 'GET' }: Asked): Promise<Head> {
    const { body } = sample
    const headers: Record<string, string> = { ...fieldsOf(sample), ...(door === 'upgrade' ? handshake : {}) }
    if (door === 'HTTP/2') return headOf(await http2.request(path, { method, headers, body }))
    const sent = door === 'upgrade' ? undefined : body
    return headOf(await request(proxy.url('http') + path, { method, headers, body: sent }))
  }

  return {
    ask,
    async compare({ method, ...asked }) {
      const { path, door, sample } = asked
      const whole = {
        ...asked,
        method: method ?? (sample.body === undefined || door === 'upgrade' ? 'GET' : 'POST'),
      }
      for (let i = 0; i < (sample.before ?? 0); i++) await ask({ ...whole, door: 'HTTP/1.1' })
      const rehearsed = await rehearsedBy(proxy, whole)
      const happened = await ask(whole)
      const cell = `${whole.method} ${path} over ${door}: ${JSON.stringify(sample)}`
      if (rehearsed.status !== undefined) assert.equal(rehearsed.status, happened.status, cell)
      assert.deepEqual(comparable(rehearsed, rehearsed), comparable(happened, rehearsed), cell)
      if (rehearsed.body !== undefined) assert.equal(rehearsed.body, withoutId(happened), cell)
    },
  }
}

interface Head {
  readonly status: number | undefined
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: string | undefined
}

/** A body as it is rehearsed: without the id of its exchange, and with the seconds of a limit as they were. */
function withoutId({ body = '', headers }: Head): string {
  return body.replace(String(headers['x-request-id']), 'set-for-each-exchange-and-not-before')
}

async function rehearsedBy(
  proxy: RunningProxy,
  { path, door, method = 'GET', sample, upstream }: Asked,
): Promise<Head> {
  const listener = door === 'HTTP/2' ? 'https' : 'http'
  const asked: SampleRequest = {
    method,
    url: proxy.url(listener) + path,
    from: '127.0.0.1',
    headers: Object.entries(fieldsOf(sample)).map(([name, value]) => `${name}: ${value}`),
    listener,
    http2: door === 'HTTP/2',
    upgrade: door === 'upgrade',
  }
  const { state, config } = proxy.gatehouse
  return rehearsedResponse(await rehearse(incomingOf(asked, config), state), upstream)
}

function fieldsOf({ headers, body }: Asked['sample']): Record<string, string> {
  return { ...headers, ...(body === undefined ? {} : { 'content-length': String(body.length) }) }
}

const handshake = {
  connection: 'Upgrade',
  upgrade: 'websocket',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
}

const ofUpstream = { 'content-type': 'application/octet-stream', 'x-upstream': 'yes' }

/** Set by Node, or made for each exchange or moment. */
const ofTheMoment = ['date', 'connection', 'keep-alive', 'transfer-encoding', ':status']
/** What the upstream of these tests, a tunnel and a file say themselves. */
const ofTheAnswer = [
  ...Object.keys(ofUpstream),
  'sec-websocket-accept',
  'content-length',
  'accept-ranges',
  'etag',
  'last-modified',
]

/** Fields as they can be compared with a rehearsal. Where something else answers, what that says is not known. */
function comparable({ headers }: Head, { status }: Head): ResponseHeaders {
  const unknown = [...ofTheMoment, ...(status === undefined ? ofTheAnswer : [])]
  return Object.fromEntries(
    Object.entries(headers)
      .filter(([name]) => !unknown.includes(name))
      .map(([name, value]) => [name, name === 'x-request-id' ? 'an id' : withoutSeconds(name, textOf(value))])
      .sort(),
  )
}

/** A second may pass between the two. */
function withoutSeconds(name: string, value: string): string {
  if (name === 'ratelimit') return value.replace(/t=\d+$/, 't=')
  return name === 'retry-after' || name === 'expires' ? 'soon' : value
}

function textOf(value: unknown): string {
  return Array.isArray(value) ? value.join(', ') : String(value)
}

/** Fields of the same name stand side by side, as a client reads them. */
function headOf(reply: {
  status: number
  headers: object
  rawHeaders?: readonly string[]
  text: string
}): Head {
  const { status, headers, rawHeaders, text: body } = reply
  if (rawHeaders === undefined) return { status, headers: headers as Head['headers'], body }
  const fields: Record<string, string> = {}
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = String(rawHeaders[at]).toLowerCase()
    fields[name] = name in fields ? `${fields[name]}, ${rawHeaders[at + 1]}` : String(rawHeaders[at + 1])
  }
  return { status, headers: fields, body }
}
