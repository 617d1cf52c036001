import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { eventually } from '../../../test/harness/eventually.ts'
import { onEnd, type Teardown } from '../../../test/harness/teardown.ts'
import { createOnDemand, type OnDemandSettings } from './on-demand.ts'

test('a host is taken up on a yes alone, asked about once, and let go of on a clear no', async (t) => {
  const statuses: Record<string, number> = { 'yes.example.com': 204, 'elsewhere.example.com': 302 }
  const { demand, asked } = await start(t, (domain) => statuses[domain] ?? 404)
  for (let round = 0; round < 3; round++) {
    for (const host of ['yes.example.com', 'no.example.com', 'elsewhere.example.com', 'x.other.com'])
      demand.named(host)
    await eventually(() => asked.length >= 3 && demand.hosts().length === 1)
  }
  assert.deepEqual(asked.toSorted(), ['elsewhere.example.com', 'no.example.com', 'yes.example.com'])
  assert.deepEqual(demand.hosts(), ['yes.example.com'])
  assert.equal(await demand.isStillWanted('yes.example.com'), true)
  // An error of theirs is an answer as well; only silence is none.
  statuses['yes.example.com'] = 404
  assert.equal(await demand.isStillWanted('yes.example.com'), false)
  assert.deepEqual(demand.hosts(), [])
})

test('so many are taken up within a minute, so many at all, and so many are asked about', async (t) => {
  const { demand, asked } = await start(t, () => 200, {
    perMinute: 3,
    had: ['old.example.com', 'old.other.com'],
  })
  for (let at = 0; at < 10; at++) {
    await eventually(() => {
      demand.named(`k${at}.example.com`)
      return asked.includes(`k${at}.example.com`)
    })
  }
  await eventually(() => demand.hosts().length === 4)
  assert.ok(demand.hosts().includes('old.example.com') && !demand.hosts().includes('old.other.com'))
  const few = await start(t, () => 200, { most: 1, had: ['old.example.com'] })
  few.demand.named('k.example.com')
  const flooded = await start(t, () => 404)
  let made = 0
  const flood = (): void => {
    for (let at = 0; at < 100; at++) flooded.demand.named(`k${made++}.example.com`)
  }
  await eventually(
    () => {
      flood()
      return flooded.asked.length >= 120
    },
    { timeout: 20_000 },
  )
  for (let round = 0; round < 100; round++) flood()
  assert.ok(flooded.asked.length >= 120 && flooded.asked.length < 240, String(flooded.asked.length))
  assert.deepEqual(few.asked, [])
})

test('who cannot be asked has said neither yes nor no', async (t) => {
  const troubles: string[] = []
  const results: string[] = []
  const { demand } = await start(t, () => 200, {
    ask: 'http://127.0.0.1:1/allowed?secret=x',
    had: ['old.example.com'],
    onTrouble: (sentence) => troubles.push(sentence),
    onAsked: (result) => results.push(result),
  })
  demand.named('new.example.com')
  await eventually(() => troubles.length > 0)
  assert.deepEqual(demand.hosts(), ['old.example.com'])
  assert.equal(await demand.isStillWanted('old.example.com'), true)
  assert.match(troubles[0] ?? '', /127\.0\.0\.1:1 cannot be asked/)
  assert.doesNotMatch(troubles.join(), /secret/)
  assert.deepEqual(results, ['failed', 'failed'])
})

async function start(
  t: Teardown,
  answer: (domain: string) => number,
  more: Partial<OnDemandSettings> = {},
): Promise<{ demand: ReturnType<typeof createOnDemand>; asked: string[] }> {
  const asked: string[] = []
  const server = createServer(({ url = '' }, response) => {
    const domain = new URL(url, 'http://x').searchParams.get('domain') ?? ''
    asked.push(domain)
    response.writeHead(answer(domain), { location: '/yes' }).end()
  })
  onEnd(t, () => void server.close().closeAllConnections())
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const demand = createOnDemand({
    hosts: ['*.example.com'],
    ask: `http://127.0.0.1:${(server.address() as AddressInfo).port}/allowed`,
    perMinute: 10,
    most: 100,
    had: [],
    onChange: () => {},
    onTrouble: () => {},
    onAsked: () => {},
    ...more,
  })
  return { demand, asked }
}
