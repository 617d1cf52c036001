import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type RouteAddress, routeAddresses } from '../contenders/addresses.ts'
import { count } from '../load/count.ts'
import { wrk } from '../load/wrk.ts'
import type { Row, Sample } from '../row.ts'
import { startPlainUpstream } from '../upstreams/plain.ts'

const sizes = [10, 1000, 10_000]

export const routes: Row = {
  name: 'routes',
  title: '10, 1,000 and 10,000 routes',
  method:
    'Ten paths to a host; wrk asks for 60 routes from all over the table (for all ten of the smallest) in turn.',
  quick: false,
  contenders: ['gatehouse', 'nginx', 'haproxy', 'caddy'],
  figures: sizes.map((size) => ({
    key: `cpu${size}`,
    title: `CPU, ${size.toLocaleString('en')} routes`,
    unit: 'µs',
  })),
  targets: [{ figure: 'cpu10000', over: { contender: 'gatehouse', figure: 'cpu10' }, most: 1.05 }],
  async prepare(bench) {
    const upstream = await startPlainUpstream(bench)
    return async (contender): Promise<Sample> => {
      const sample: Record<string, number> = {}
      for (const size of sizes) {
        const proxy = await bench.keep(contender, { upstream: upstream.port, routes: size })
        const script = join(bench.folder, `routes-${size}.lua`)
        const addresses = spread(routeAddresses(size), 60)
        writeFileSync(script, luaScript(addresses))
        const last = addresses.at(-1)
        const question = { port: proxy.port, host: last?.host, path: `${last?.path}/below` }
        const load = () => wrk({ port: proxy.port, seconds: bench.seconds, script })
        sample[`cpu${size}`] = (await count(proxy, upstream, { question, load })).cpu
      }
      return sample
    }
  },
}

function spread(addresses: readonly RouteAddress[], count: number): RouteAddress[] {
  const step = Math.max(1, addresses.length / count)
  return Array.from(
    { length: Math.min(count, addresses.length) },
    (_, index) => addresses[Math.floor(index * step)],
  ).filter((address) => address !== undefined)
}

/** Requests that are written out before the load begins, so that the load generator only copies them. */
function luaScript(addresses: readonly RouteAddress[]): string {
  const formats = addresses.map(
    ({ host, path }) => `  wrk.format("GET", "${path}/below", { ["Host"] = "${host}" }),`,
  )
  return `local requests
local index = 0
function init()
  requests = {
  ${formats.join('\n')}
  }
end
function request()
  index = index % #requests + 1
  return requests[index]
end
`
}
