import { connectHttp2 } from '../harness/http2.ts'
import { startProxy } from '../harness/proxy.ts'
import { request } from '../harness/request.ts'
import type { Teardown } from '../harness/teardown.ts'
import { startUpstream, type Upstream } from '../harness/upstream.ts'
import { withTeardown } from '../harness/with-teardown.ts'

/** A proxy with two hosts, each with an upstream of its own, and what its honest clients see. */
export interface Stage {
  readonly ports: { plain: number; secure: number }
  /** Exchanges under way. */
  inFlight(): number
  /** Asks for both hosts over every protocol. Throws if one gets another answer than its own. */
  askAsHonestClient(): Promise<void>
  /** What an upstream could not read of what the proxy sent: codes of parser errors. */
  readonly garbled: readonly string[]
}

const hosts = ['a.test', 'b.test'] as const

export async function setStage(t: Teardown): Promise<Stage> {
  const garbled: string[] = []
  const [a, b] = await Promise.all(hosts.map((host) => startHost(t, host, garbled)))
  const proxy = await startProxy(
    t,
    `
    listeners: { http: { port: 0, address: 127.0.0.1 }, https: { port: 0, address: 127.0.0.1 } }
    limits: { headTimeout: 2s, delay: 0s }
    accessLog: { format: json }
    upstreams:
      a: { targets: ["${a?.url}"] }
      b: { targets: ["${b?.url}"] }
    routes:
      - { name: a, listeners: [http, https], match: { host: a.test }, to: a, timeouts: { response: 2s, idle: 2s }, accessLog: false }
      - { name: b, listeners: [http, https], match: { host: b.test }, to: b, timeouts: { response: 2s, idle: 2s }, accessLog: false }
    `,
  )
  const ports = { plain: proxy.port('http'), secure: proxy.port('https') }
  let asked = 0
  return {
    ports,
    garbled,
    inFlight: () => proxy.gatehouse.inFlight.size,
    async askAsHonestClient() {
      for (const host of hosts) {
        const path = `/canary/${++asked}`
        const expected = `${host} ${path}`
        const headers = { host }
        const answers = await Promise.all([
          request(`http://127.0.0.1:${ports.plain}${path}`, { headers }).then(({ text }) => text),
          request(`https://127.0.0.1:${ports.secure}${path}`, { headers }).then(({ text }) => text),
          askHttp2(ports.secure, host, path),
        ])
        for (const answer of answers)
          if (answer !== expected)
            throw new Error(`A client that asked for ${expected} got ${answer.slice(0, 200)}`)
      }
    },
  }
}

async function startHost(t: Teardown, host: string, garbled: string[]): Promise<Upstream> {
  const upstream = await startUpstream(t, (incoming, response) => {
    incoming.on('error', () => {})
    incoming.resume()
    response.end(`${host} ${incoming.url}`)
  })
  upstream.server.on('clientError', (error: NodeJS.ErrnoException & { rawPacket?: Buffer }, socket) => {
    const { code = '' } = error
    // A body that is cut off is no garbage, its client left; nor is a head that is larger than Node's default, nor a
    // method that HTTP/2 lets pass, as RFC 9110 §9.1 has it, and Node's parser does not know.
    const isWhole = wholeHead.test(error.rawPacket?.toString('latin1') ?? '')
    if (code === 'HPE_INVALID_METHOD' ? !isWhole : code.startsWith('HPE_') && !harmless.has(code))
      garbled.push(code)
    socket.destroy()
  })
  // Heads are kept by the harness for tests that read them.
  upstream.server.on('request', () => upstream.requests.splice(0))
  return upstream
}

const harmless = new Set(['HPE_INVALID_EOF_STATE', 'HPE_HEADER_OVERFLOW'])
/** A head as the proxy writes it, in one piece, and none that an attack has hidden in a body. */
const wholeHead = /^[\w!#$%&'*+.^`|~-]+ \/(?!smuggled)\S* HTTP\/1\.1\r\n(?=[\s\S]*\r\nX-Request-Id: )/i

function askHttp2(port: number, host: string, path: string): Promise<string> {
  return withTeardown(
    async (t) => (await (await connectHttp2(t, port, { authority: host })).request(path)).text,
  )
}
