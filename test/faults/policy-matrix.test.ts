/**
 * Every policy, at every door, in front of everything that a route can lead to.
 *
 * Fault: a rule holds where somebody thought of it: for requests and not for upgrades, in front of an upstream and
 * not of a file, on a page and not on a redirect.
 *
 * Right: what refuses, refuses everywhere with the same code, and nobody behind it is asked; in observe mode it changes
 * nothing and is noted; what adds to responses adds to all of them. The rows are those of the policy table, so that a
 * policy added later is among them.
 */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import type { PolicyName } from '../../proxy/config/policy-schemas.ts'
import { type ErrorCode, errors } from '../../proxy/errors.ts'
import { policyTable } from '../../proxy/request/policies/index.ts'
import { eventually } from '../harness/eventually.ts'
import { freePort } from '../harness/free-port.ts'
import { connectHttp2 } from '../harness/http2.ts'
import {
  type Adding,
  observing,
  type PolicySample,
  policySamples,
  type Refusing,
  sampleEnvironment,
  sampleUsers,
} from '../harness/policy-samples.ts'
import { type Proxy as RunningProxy, startProxy } from '../harness/proxy.ts'
import { type Reply, request } from '../harness/request.ts'
import type { Teardown } from '../harness/teardown.ts'
import { tempFolder } from '../harness/temp-folder.ts'
import { startUpstream, type Upstream } from '../harness/upstream.ts'
import { type Door, doors } from './scene.ts'

const page = '<!doctype html><title>Page</title>'.padEnd(4000, ' page')

/** What a route leads to, as a key of routes.yaml. */
const destinations = ['relayed', 'static', 'redirect', 'error page'] as const
type Destination = (typeof destinations)[number]

/** The same routes without the policy, with it, and with it in observe mode. */
const modes = ['without', 'enforce', 'observe'] as const
type Mode = (typeof modes)[number]

for (const name of Object.keys(policyTable) as PolicyName[]) {
  const sample = policySamples[name]
  const promise = 'adds' in sample ? 'adds what it has to add' : 'refuses, and notes alone in observe mode'
  test(`${name} ${promise}, at every door and for everything behind it`, async (t) => {
    const scene = await openMatrix(t, name, sample)
    if ('adds' in sample) await assertAdds(scene, sample)
    else await assertRefuses(scene, name, sample)
  })
}

async function assertRefuses(scene: Matrix, name: PolicyName, sample: Refusing): Promise<void> {
  const { before = 0, body, requestsPass } = sample
  const codes = new Set<string | undefined>()
  for (const destination of destinations) {
    let noted = 0
    for (const door of doors) {
      const cell = `${destination} over ${door}`
      const ask = async (mode: Mode): Promise<Answer> => {
        for (let i = 0; i < before; i++) await scene.ask('HTTP/1.1', destination, mode)
        scene.upstream.requests.length = 0
        return scene.ask(door, destination, mode)
      }
      const plain = await ask('without')
      const refused = await ask('enforce')
      if (door === 'upgrade' ? body !== undefined : requestsPass) {
        assert.deepEqual([refused.status, refused.code], [plain.status, plain.code], cell)
        continue
      }
      assert.equal(scene.upstream.requests.length, 0, `${cell}: somebody was asked`)
      assert.notEqual(refused.code, plain.code, cell)
      assert.equal(refused.status, errors[refused.code as ErrorCode]?.status, cell)
      codes.add(refused.code)

      const observed = await ask('observe')
      assert.deepEqual([observed.status, observed.code], [plain.status, plain.code], `${cell}, observed`)
      noted += 1
    }
    await eventually(async () => (await scene.noted(name, destination)) >= noted)
  }
  assert.equal(codes.size, 1, `it refused with ${[...codes]}`)
}

async function assertAdds(scene: Matrix, sample: Adding): Promise<void> {
  for (const destination of destinations) {
    for (const door of doors) {
      const reply = await scene.ask(door, destination, 'enforce')
      const isPage = reply.status === 200
      // A tunnel is no page, and what it says is the upstream's.
      if (reply.status === 101 || (sample.pagesAlone && (!isPage || door === 'upgrade'))) continue
      assert.ok(sample.shows(reply.headers), `${destination} over ${door}: ${JSON.stringify(reply.headers)}`)
      assert.ok(
        !sample.shows((await scene.ask(door, destination, 'without')).headers),
        'it is not there without',
      )
    }
  }
}

interface Answer extends Pick<Reply, 'status'> {
  readonly headers: Readonly<Record<string, unknown>>
  /** Of the catalogue, where it is a refusal of ours. */
  readonly code: string | undefined
}

interface Matrix {
  readonly upstream: Upstream
  ask(door: Door, destination: Destination, mode: Mode): Promise<Answer>
  /** How many exchanges the policy would have refused, by the access log. */
  noted(policy: string, destination: Destination): Promise<number>
}

async function openMatrix(t: Teardown, name: PolicyName, sample: PolicySample): Promise<Matrix> {
  const upstream = await startUpstream(
    t,
    (request, response) => {
      request.resume().on('end', () => response.writeHead(200, { 'content-type': 'text/html' }).end(page))
    },
    { websocket: () => {} },
  )
  const folder = await tempFolder(t)
  await writeFile(join(folder, 'index.html'), page)
  await writeFile(join(folder, 'users'), sampleUsers)
  const leads: Record<Destination, string> = {
    relayed: 'to: app',
    static: `forward: { prefix: strip }, files: .`,
    redirect: 'redirect: { location: /elsewhere }',
    'error page': 'to: away',
  }
  const written = (mode: Mode): object => {
    if (mode === 'without') return {}
    if ('adds' in sample) return { [name]: sample.adds }
    return { [name]: mode === 'enforce' ? sample.refuses : observing(name, sample) }
  }
  const routes = destinations.flatMap((destination) =>
    modes
      .filter((mode) => mode !== 'observe' || 'refuses' in sample)
      .map(
        (mode) =>
          `  - { name: ${routeOf(destination, mode)}, listeners: [http, https], match: { path: /${routeOf(destination, mode)} }, policies: ${JSON.stringify(written(mode))}, ${leads[destination]} }`,
      ),
  )
  const proxy = await startProxy(
    t,
    [
      'listeners: { http: { port: 0, address: 127.0.0.1 }, https: { port: 0, address: 127.0.0.1 } }',
      'upstreams:',
      `  app: { targets: ["${upstream.url}"] }`,
      `  away: { targets: ["http://127.0.0.1:${await freePort()}"] }`,
      'routes:',
      ...routes,
    ].join('\n'),
    { folder, env: sampleEnvironment },
  )
  const ask = await openDoors(t, proxy, sample)
  return {
    upstream,
    ask,
    noted: async (policy, destination) =>
      (await proxy.accessLog()).filter(
        ({ router, observed = [] }) =>
          router === routeOf(destination, 'observe') &&
          (observed as { policy: string }[]).some((each) => each.policy === policy),
      ).length,
  }
}

function routeOf(destination: Destination, mode: Mode): string {
  return `${destination.replace(' ', '-')}-${mode}`
}

async function openDoors(
  t: Teardown,
  proxy: RunningProxy,
  { headers, ...sample }: PolicySample,
): Promise<Matrix['ask']> {
  const http2 = await connectHttp2(t, proxy.port('https'))
  const body = 'body' in sample ? sample.body : undefined
  const method = body === undefined ? 'GET' : 'POST'
  const fields: Record<string, string> = { ...headers }
  if (body !== undefined) fields['content-length'] = String(body.length)
  const handshake = {
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
  }
  return async (door, destination, mode) => {
    const path = `/${routeOf(destination, mode)}/`
    const url = proxy.url('http') + path
    if (door === 'HTTP/2') return answerOf(await http2.request(path, { method, headers: fields, body }))
    if (door === 'HTTP/1.1') return answerOf(await request(url, { method, headers: fields, body }))
    return answerOf(await request(url, { headers: { ...handshake, ...fields } }))
  }
}

function answerOf({ status, headers, text }: Pick<Reply, 'status' | 'headers' | 'text'>): Answer {
  return { status, headers, code: /"code":"(\w+)"/.exec(text)?.[1] }
}
