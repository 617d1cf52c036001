import { connect } from 'node:net'
import { eventually } from '../harness/eventually.ts'
import { freePort } from '../harness/free-port.ts'
import { startRedis } from '../harness/redis.ts'
import { request } from '../harness/request.ts'
import { onEnd } from '../harness/teardown.ts'
import { withTeardown } from '../harness/with-teardown.ts'
import { metricsOf, startFleet } from '../services/fleet.ts'
import { useFleet } from '../services/fleet-traffic.ts'
import { fillIn, readDashboardQueries } from './dashboards.ts'
import { type Prometheus, startPrometheus } from './prometheus.ts'
import { startStage } from './stage.ts'
import { table } from './table.ts'
import { traefikQueries } from './traefik-queries.ts'

/**
 * Asks everything that the dashboards ask, ours and Traefik's, while all kinds of traffic go through. Answers tables of it, and
 * adds a sentence to `lacking` for each that has no data.
 */
export function queryDashboards(lacking: string[]): Promise<string> {
  return withTeardown(async (t) => {
    const redis = await startRedis(t)
    const fleet = await startFleet(t)
    const stage = await startStage(t, {
      services: metricsOf(fleet),
      settings: `redis: { address: "${redis.address}" }`,
      upstreams: `  torn: { targets: ["http://127.0.0.1:${await freePort()}", "http://127.0.0.1:${await freePort()}"] }`,
      routes: `  - { name: closed, match: { path: /closed }, listeners: [http, https], to: pair, policies: { allow: [10.0.0.0/8] } }
  - { name: watched, match: { path: /watched }, listeners: [http, https], to: pair, policies: { allow: { networks: [10.0.0.0/8], mode: observe } } }
  - { name: torn, match: { path: /torn }, listeners: [http, https], to: torn }`,
    })
    // The service sees to it that there are some of each kind.
    stage.answers.shop = (asked, response) => {
      response.statusCode = asked.url === '/500' ? 500 : asked.url === '/404' ? 404 : 200
      response.end('fine')
    }
    const prometheus = await startPrometheus(t, stage)
    const paths = ['/', '/500', '/404', '/closed', '/watched', '/pair', '/torn']
    await useFleet(fleet)
    const again = setInterval(() => useFleet(fleet).catch(() => {}), 3_000)
    onEnd(t, () => clearInterval(again))
    const turn = async (): Promise<void> => {
      await Promise.all(
        paths.map((path) => request(stage.url + path, { method: 'POST', body: 'body' }).catch(() => {})),
      )
      await Promise.all(paths.map((path) => request(stage.url + path).catch(() => {})))
      const { port } = new URL(stage.url)
      const socket = connect(Number(port), '127.0.0.1', () => socket.end('no request at all\r\n\r\n'))
      socket.on('error', () => {})
    }
    const pace = setInterval(() => void turn(), 250)
    onEnd(t, () => clearInterval(pace))
    // One that stays, so that a connection is open whenever somebody looks.
    const { port } = new URL(stage.url)
    const kept = connect(Number(port), '127.0.0.1')
    kept.on('error', () => {})
    onEnd(t, () => void kept.destroy())

    const ours = readDashboardQueries().map(({ dashboard, panel, query }) => [
      `${dashboard}: ${panel}`,
      fillIn(query),
    ])
    const theirs = traefikQueries.map(([panel, query]) => [panel, query.replaceAll('traefik_', 'gatehouse_')])
    const found = async (queries: string[][]): Promise<string[][]> =>
      Promise.all(
        queries.map(async ([name = '', query = '']) => [
          name,
          await dataOf(prometheus, query, name, lacking),
        ]),
      )
    const [ourRows, theirRows] = [await found(ours), await found(theirs)]
    return `# Dashboards, every query asked

Against a real Prometheus while all kinds of traffic go through. Grafana itself is not among Debian's packages and was not started here.

${table(['panel', 'series'], ourRows)}

# Traefik's public dashboard (17346), with \`traefik_\` replaced by \`gatehouse_\`

${table(['panel', 'series'], theirRows)}
`
  })
}

async function dataOf(
  prometheus: Prometheus,
  query: string,
  name: string,
  lacking: string[],
): Promise<string> {
  try {
    const samples = await eventually(
      async () => {
        const found = await prometheus.query(query)
        return found.length > 0 && found.some(({ value }) => Number.isFinite(value)) && found
      },
      { timeout: 30_000, every: 500 },
    )
    return String(samples.length)
  } catch (error) {
    lacking.push(`${name}: ${query} has no data (${(error as Error).message})`)
    return 'none'
  }
}
