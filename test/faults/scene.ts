import type { IncomingMessage } from 'node:http'
import { connectFrames, encodeFields, flag, frame, frameType, statusOf } from '../harness/http2-frames.ts'
import { type Proxy as RunningProxy, startProxy } from '../harness/proxy.ts'
import { type RawReply, rawRequest } from '../harness/raw-request.ts'
import type { Teardown } from '../harness/teardown.ts'
import { startUpstream, type Upstream } from '../harness/upstream.ts'

/** A proxy with a listener in the clear and one with TLS, both leading to one upstream. */
export interface Scene {
  readonly proxy: RunningProxy
  /** Port of HTTP/1.1 in the clear, and of TLS. */
  readonly plain: number
  readonly secure: number
}

export interface SceneOptions {
  /** More targets, as URLs. */
  targets?: readonly string[]
  /** Keys of the route, of the upstream and of the file, in YAML's flow form. */
  route?: string
  upstream?: string
  limits?: string
  /** Whole lines of the file: more upstreams, or `trustedProxies`. */
  more?: string
  /** Further entries of `routes`, one a line. */
  routes?: readonly string[]
  address?: string
}

export async function openScene(t: Teardown, target: string, options: SceneOptions = {}): Promise<Scene> {
  const { address = '127.0.0.1', targets = [] } = options
  const listener = `{ port: 0, address: "${address}" }`
  const lines = [
    `listeners: { http: ${listener}, https: ${listener} }`,
    `limits: { ${options.limits ?? 'headTimeout: 15s'} }`,
    ...(options.more === undefined ? [] : [options.more]),
    'upstreams:',
    `  app: { targets: ${JSON.stringify([target, ...targets])}, ${options.upstream ?? 'connectTimeout: 2s'} }`,
    'routes:',
    ...(options.routes ?? []).map((route) => `  - ${route}`),
    `  - { name: app, listeners: [http, https], to: app, ${options.route ?? 'timeouts: { response: 5s, idle: 5s }'} }`,
  ]
  const proxy = await startProxy(t, lines.join('\n'))
  return { proxy, plain: proxy.port('http'), secure: proxy.port('https') }
}

/** The three ways in. What one of them refuses, the others must refuse. */
export const doors = ['HTTP/1.1', 'HTTP/2', 'upgrade'] as const
export type Door = (typeof doors)[number]

export interface Knock {
  method?: string
  /** Byte for byte, as latin1. */
  path?: string
  host?: string
  headers?: readonly (readonly [name: string, value: string])[]
}

/** One request through one door, on a connection of its own. Answers the status, or 0 where it was cut off without one. */
export async function knock(t: Teardown, { plain, secure }: Scene, door: Door, ask: Knock): Promise<number> {
  const { method = 'GET', path = '/', host = 'localhost', headers = [] } = ask
  if (door === 'HTTP/2') return knockHttp2(t, secure, { method, path, host, headers })
  const upgrade =
    door === 'HTTP/1.1'
      ? []
      : [
          ['Connection', 'Upgrade'],
          ['Upgrade', 'websocket'],
          ['Sec-WebSocket-Version', '13'],
          ['Sec-WebSocket-Key', 'dGhlIHNhbXBsZSBub25jZQ=='],
        ]
  const lines = [['Host', host], ...upgrade, ...headers].map(([name, value]) => `${name}: ${value}\r\n`)
  const reply = await rawRequest(plain, `${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n`, {
    until: finalHead,
  })
  return reply.statuses.at(-1) ?? 0
}

/** The head of a response that is not interim. */
export const finalHead = /HTTP\/1\.1 (101|[2-5]\d\d)[\s\S]*?\r\n\r\n/

async function knockHttp2(t: Teardown, port: number, ask: Required<Knock>): Promise<number> {
  const connection = await connectFrames(t, port)
  const fields = [
    [':method', ask.method],
    [':scheme', 'https'],
    [':authority', ask.host],
    [':path', ask.path],
    ...ask.headers.map(([name, value]) => [name.toLowerCase(), value] as const),
  ] as [string, string][]
  connection.send(...blockOf(fields))
  const last = await connection.waitFor(
    (each) =>
      (statusOf(each) ?? 0) >= 200 || each.type === frameType.rstStream || each.type === frameType.goaway,
  )
  connection.socket.destroy()
  return statusOf(last) ?? 0
}

/** HEADERS, and as many CONTINUATION as a block needs that is larger than a frame may be (RFC 9113 §4.2). */
function blockOf(fields: [string, string][]): Buffer[] {
  const block = encodeFields(fields)
  const most = 16_384
  return Array.from({ length: Math.ceil(block.length / most) }, (_, at) => {
    const part = block.subarray(at * most, (at + 1) * most)
    const last = (at + 1) * most >= block.length ? flag.endHeaders : 0
    if (at === 0) return frame(frameType.headers, last | flag.endStream, 1, part)
    return frame(frameType.continuation, last, 1, part)
  })
}

/** An upstream that echoes requests and WebSocket messages, and remembers the heads of both. */
export function startEcho(t: Teardown): Promise<Upstream> {
  return startUpstream(t, undefined, {
    websocket: (socket) => socket.on('message', (message) => socket.send(message)),
  })
}

/** `GET /path` of all that arrived, in order. */
export function arrivals({ requests }: { requests: readonly IncomingMessage[] }): string[] {
  return requests.map(({ method, url }) => `${method} ${url}`)
}

/** The next client is served: the process lives, and nothing of the last one sticks. */
export async function servesTheNext({ plain }: Scene, path = '/next'): Promise<RawReply> {
  const reply = await rawRequest(plain, `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`, {
    until: finalHead,
  })
  if (reply.statuses[0] !== 200) throw new Error(`The next client got ${reply.text.slice(0, 200)}`)
  return reply
}
