import { request as httpRequest, type IncomingHttpHeaders, type RequestOptions } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { isIP } from 'node:net'

export interface Reply {
  status: number
  headers: IncomingHttpHeaders
  /** name, value, name, value, as they came. */
  rawHeaders: string[]
  trailers: NodeJS.Dict<string>
  /** Statuses of the 1xx responses before it. */
  interim: number[]
  body: Buffer
  text: string
}

export interface Ask {
  method?: string
  /** Sent as they are: a `host` here goes in the place of the address's own. */
  headers?: Record<string, string | string[]>
  body?: string | Buffer
  /** Request target, byte for byte. Default: path and query of the address. */
  target?: string
  /** Address to send from. */
  from?: string
  /** TLS: name to ask for; default the Host. Certificates are not verified unless `ca` is given. */
  servername?: string
  ca?: string
  agent?: RequestOptions['agent']
  /** Milliseconds; default 10,000. */
  timeout?: number
}

/**
 * One HTTP/1.1 request on a connection of its own, unless an agent is given. A refused upgrade is an ordinary
 * reply; an accepted one answers 101 with an empty body and ends. Rejects when the response is cut short.
 */
export function request(address: string, ask: Ask = {}): Promise<Reply> {
  const url = new URL(address)
  const host = hostOf(ask.headers) ?? url.host
  const send = url.protocol === 'https:' ? httpsRequest : httpRequest
  const options = {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port,
    method: ask.method ?? 'GET',
    path: ask.target ?? url.pathname + url.search,
    headers: ask.headers,
    agent: ask.agent ?? false,
    localAddress: ask.from,
    servername: ask.servername ?? nameIn(host),
    ca: ask.ca,
    rejectUnauthorized: ask.ca !== undefined,
    signal: AbortSignal.timeout(ask.timeout ?? 10_000),
  }
  return new Promise((resolve, reject) => {
    const interim: number[] = []
    const sent = send(options)
    sent.on('error', reject)
    sent.on('information', ({ statusCode }) => interim.push(statusCode))
    sent.on('upgrade', (response, socket) => {
      socket.destroy()
      resolve(replyOf(response, interim, Buffer.alloc(0)))
    })
    sent.on('response', (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => resolve(replyOf(response, interim, Buffer.concat(chunks))))
    })
    sent.end(ask.body)
  })
}

function replyOf(response: import('node:http').IncomingMessage, interim: number[], body: Buffer): Reply {
  const { statusCode = 0, headers, rawHeaders, trailers } = response
  return { status: statusCode, headers, rawHeaders, trailers, interim, body, text: body.toString() }
}

/** The name to ask for in TLS: none where the host is an address (RFC 6066 §3). */
function nameIn(host: string): string {
  const name = host.replace(/:\d+$/, '')
  return isIP(name) || name.startsWith('[') ? '' : name
}

function hostOf(headers: Ask['headers']): string | undefined {
  const entry = Object.entries(headers ?? {}).find(([name]) => name.toLowerCase() === 'host')
  return typeof entry?.[1] === 'string' ? entry[1] : undefined
}
