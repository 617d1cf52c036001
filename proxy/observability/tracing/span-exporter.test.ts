import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startCollector } from '../../../test/tracing/collector.ts'
import { metricsJson } from '../metrics.ts'
import { openSpanExporter } from './span-exporter.ts'

async function dropped(): Promise<number> {
  const metric = (await metricsJson()).find(({ name }) => name === 'gatehouse_trace_spans_total')
  const values = (metric?.values ?? []) as { labels: { result: string }; value: number }[]
  return values.find(({ labels }) => labels.result === 'dropped')?.value ?? 0
}

const settings = { headers: {}, service: 'test', version: '1' }

test('what waits for a silent collector has a bound in number and in bytes, and the rest is counted', async (t) => {
  const collector = await startCollector(t, { answer: () => true })
  for (const [size, kept] of [
    [2, 2048],
    [40_000, 104],
  ] as const) {
    const exporter = openSpanExporter({ ...settings, endpoint: collector.endpoint })
    const before = await dropped()
    for (let i = 0; i < 5000; i++) exporter.add([JSON.stringify('x'.repeat(size - 2))])
    assert.equal((await dropped()) - before, 5000 - kept)
    await exporter.close()
    assert.equal((await dropped()) - before, 5000)
  }
})

test('all that waits is sent at the end, in batches', async (t) => {
  const collector = await startCollector(t)
  const exporter = openSpanExporter({ ...settings, endpoint: collector.endpoint })
  for (let i = 0; i < 1100; i++) exporter.add([JSON.stringify({ spanId: `${i}`, attributes: [] })])
  await exporter.close()
  assert.deepEqual(
    collector.spans.map(({ spanId }) => Number(spanId)),
    Array.from({ length: 1100 }, (_, index) => index),
  )
  assert.equal(collector.requests.length, 3)
})
