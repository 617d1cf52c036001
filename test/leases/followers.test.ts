import assert from 'node:assert/strict'
import http from 'node:http'
import { type TestContext, test } from 'node:test'
import { eventually } from '../harness/eventually.ts'
import { request } from '../harness/request.ts'
import { onEnd } from '../harness/teardown.ts'
import { startUpstream } from '../harness/upstream.ts'
import { type Scene, startScene } from './scene.ts'

/** Programs that follow what becomes of targets. */

interface FollowedEvent {
  event: string
  id: number
  data: {
    targets?: { id: string; headers: string[] }[]
    put?: { id: string; draining: boolean; headers: string[] }[]
    gone?: { id: string }[]
  }
}

function follow(t: TestContext, { admin }: Scene): FollowedEvent[] {
  const events: FollowedEvent[] = []
  let text = ''
  const asked = http.get(
    `${admin}/v1/upstreams`,
    { headers: { accept: 'text/event-stream' } },
    (response) => {
      assert.match(response.headers['content-type'] ?? '', /^text\/event-stream/)
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk
        for (let end = text.indexOf('\n\n'); end !== -1; end = text.indexOf('\n\n')) {
          const found = /^event: (.*)\nid: (.*)\ndata: (.*)$/.exec(text.slice(0, end))
          text = text.slice(end + 2)
          if (found)
            events.push({ event: found[1] ?? '', id: Number(found[2]), data: JSON.parse(found[3] ?? '') })
        }
      })
      response.on('error', () => {})
    },
  )
  asked.on('error', () => {})
  onEnd(t, () => void asked.destroy())
  return events
}

/**
 * The attack: any program of the machine follows targets, which takes no token, and reads the password of every desktop.
 * Followers were told what workers are told, and workers need the fields that a target is sent. Now they are told the
 * names of those fields, as in every other report.
 */
test('who follows targets is told no credential of theirs, neither at first nor when they change', async (t) => {
  const scene = await startScene(t, { workers: 1 })
  const { url } = await startUpstream(t)
  const say = (password: string) =>
    scene.call('PUT', 'desktop/keys/alice/targets/main', { url, headers: { Authorization: password } })
  await say('Basic Zmlyc3Q6Zmlyc3Q=')
  const events = follow(t, scene)
  await eventually(() => events[0]?.data.targets?.some(({ id }) => id === 'main'))
  await say('Basic c2Vjb25kOnNlY29uZA==')
  await eventually(() => events.some(({ data }) => data.put?.some(({ id }) => id === 'main')))
  const told = events.flatMap(({ data }) => [...(data.targets ?? []), ...(data.put ?? [])])
  for (const { headers } of told.filter(({ id }) => id === 'main'))
    assert.deepEqual(headers, ['Authorization'])
  assert.doesNotMatch(JSON.stringify(events), /Basic/)
})

test('an event stream begins with all targets, and tells of each that comes, drains and goes', async (t) => {
  const scene = await startScene(t, { workers: 1 })
  const upstream = await startUpstream(t)
  await scene.announce('photos', upstream.url, { id: 'first' }).heard
  const events = follow(t, scene)
  await eventually(() => events[0]?.event === 'targets')
  assert.deepEqual(events[0]?.data.targets?.map(({ id }) => id).sort(), ['first', 'http://127.0.0.1:9'])
  const second = scene.announce('photos', upstream.url, { id: 'second' })
  await second.heard
  await eventually(() => events.some(({ data }) => data.put?.some(({ id }) => id === 'second')))
  await second.draining()
  await eventually(() =>
    events.some(({ data }) => data.put?.some(({ id, draining }) => id === 'second' && draining)),
  )
  await second.leave()
  await eventually(() => events.some(({ data }) => data.gone?.some(({ id }) => id === 'second')))
  const numbers = events.map(({ id }) => id)
  assert.deepEqual(
    numbers,
    [...numbers].sort((a, b) => a - b),
  )
})

test('a long poll waits for what is new, and not for ever', async (t) => {
  const scene = await startScene(t, { workers: 1 })
  const ask = async (query: string) => {
    const { status, text } = await request(`${scene.admin}/v1/upstreams?${query}`, { timeout: 20_000 })
    return { status, ...(JSON.parse(text) as { sequence: number; targets: { id?: string }[] }) }
  }
  const now = await ask('since=0')
  assert.equal(now.status, 200)
  assert.equal((await ask(`since=${now.sequence}&wait=50ms`)).sequence, now.sequence)
  const next = ask(`since=${now.sequence}&wait=20s`)
  await scene.announce('photos', 'http://127.0.0.1:9', { id: 'new' }).heard
  const { sequence, targets } = await next
  assert.ok(sequence > now.sequence)
  assert.ok(targets.some(({ id }) => id === 'new'))
  assert.equal((await ask('since=x')).status, 400)
})

test('only who calls the admin listener by a local name may follow', async (t) => {
  const scene = await startScene(t, { workers: 1 })
  const headers = { host: 'evil.example', accept: 'text/event-stream' }
  assert.equal((await request(`${scene.admin}/v1/upstreams`, { headers })).status, 421)
})

test('the series of a target go with its lease', async (t) => {
  const scene = await startScene(t, { workers: 1 })
  const upstream = await startUpstream(t)
  const announced = scene.announce('photos', upstream.url)
  await announced.heard
  const metrics = async () => (await request(`${scene.admin}/metrics`)).text
  const series = ['gatehouse_service_server_up', 'gatehouse_upstream_lease_expiry_timestamp_seconds']
  const named = (text: string, name: string) =>
    text.split('\n').filter((line) => line.startsWith(`${name}{`) && line.includes(upstream.url))
  await eventually(async () => {
    const text = await metrics()
    for (const name of series) assert.equal(named(text, name).length, 1, name)
    assert.match(text, /^gatehouse_upstream_heartbeats_total\{service="photos",result="registered"\} 1$/m)
    return true
  })
  await announced.leave()
  await eventually(async () => !(await metrics()).includes(upstream.url))
})
