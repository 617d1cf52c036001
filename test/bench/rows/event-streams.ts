import { setTimeout as sleep } from 'node:timers/promises'
import { eventually } from '../../harness/eventually.ts'
import { openEventStream } from '../load/event-streams.ts'
import { percentile } from '../load/percentile.ts'
import { cpuTimeOf } from '../machine/process-tree.ts'
import type { Row } from '../row.ts'
import { startEventsUpstream } from '../upstreams/events.ts'

const clients = 200
const interval = 50

export const eventStreams: Row = {
  name: 'event-streams',
  title: 'Server-sent events to 200 clients',
  method: `Every ${interval} ms the upstream sends an event to ${clients} clients; each must get all of them, in order.`,
  quick: false,
  contenders: ['gatehouse', 'nginx', 'haproxy', 'caddy', 'http-proxy'],
  figures: [
    { key: 'cpu', title: 'CPU per event delivered', unit: 'µs' },
    { key: 'p50', title: 'delay, median', unit: 'ms' },
    { key: 'p99', title: 'delay, p99', unit: 'ms' },
  ],
  targets: [],
  async prepare(bench) {
    const upstream = await startEventsUpstream(bench)
    return async (contender) => {
      const proxy = await bench.keep(contender, { upstream: upstream.port })
      const delays: number[] = []
      const note = (data: string) => void delays.push(performance.now() - Number(data))
      const streams = await Promise.all(
        Array.from({ length: clients }, () => openEventStream(proxy.port, note)),
      )
      const events = Math.round((bench.seconds * 1000) / interval)
      const sent: string[] = []
      const cpuBefore = cpuTimeOf(proxy.pid)
      while (sent.length < events) {
        const data = String(performance.now())
        sent.push(data)
        upstream.publish(data)
        await sleep(interval)
      }
      await eventually(() => delays.length >= events * clients)
      const cpu = cpuTimeOf(proxy.pid) - cpuBefore
      for (const { received } of streams)
        if (received.join() !== sent.join()) throw new Error('Events were lost or came in another order.')
      for (const stream of streams) stream.close()
      upstream.dismiss()
      return { cpu: cpu / delays.length / 1000, p50: percentile(delays, 0.5), p99: percentile(delays, 0.99) }
    }
  },
}
