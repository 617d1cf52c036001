import { METHODS } from 'node:http'
import { parseAddress } from '../address.ts'
import { isEncrypted } from '../config/listener-rules.ts'
import type { LoadedConfig } from '../config/loaded.ts'
import type { ClientRequest, ClientResponse, Incoming, Listener } from '../request/accept/incoming.ts'

/** A request that somebody wonders about, as it is written in a command or in a route test. */
export interface SampleRequest {
  readonly method: string
  /** As a browser would have it: `https://localhost:8443/close`. */
  readonly url: string
  /** Address of the client. */
  readonly from: string
  /** `Name: value`, as curl takes them. */
  readonly headers: readonly string[]
  /** Name of the listener; read from the address if absent. */
  readonly listener?: string
  readonly http2: boolean
  /** Ask for a WebSocket. */
  readonly upgrade: boolean
}

/**
 * A request as it would have come off a socket, so that it is read by the same function. Throws one sentence if it
 * cannot be one.
 */
export function incomingOf(args: SampleRequest, config: LoadedConfig): Incoming {
  const peer = parseAddress(args.from)
  if (!peer) throw new Error(`"${args.from}" is not the address of a client`)
  const found = /^(https?|wss?):\/\/([^/?#]*)([^#]*)/i.exec(args.url)
  if (!found)
    throw new Error(
      `"${args.url}" is not an address; write it as a browser would, such as https://localhost:8443/open`,
    )
  const [, scheme = '', authority = '', target = ''] = found
  // Over HTTP/1.1 the parser takes these and no others, and answers 400 before there is a request.
  if (!args.http2 && !METHODS.includes(args.method))
    throw new Error(`"${args.method}" is no method of HTTP/1.1; write one such as GET`)
  const listener = listenerFor(args, config, /s$/i.test(scheme), authority)
  const upgrade = args.upgrade || /^ws/i.test(scheme)
  const rawHeaders = args.http2 ? [':authority', authority] : ['Host', authority]
  if (upgrade) rawHeaders.push(...handshake)
  for (const line of args.headers) {
    const colon = line.indexOf(':')
    if (colon < 1) throw new Error(`the field "${line}" is not "Name: value"`)
    rawHeaders.push(line.slice(0, colon).trim(), line.slice(colon + 1).trim())
  }
  const headers: Record<string, string> = {}
  for (let i = 0; i < rawHeaders.length; i += 2)
    headers[(rawHeaders[i] as string).toLowerCase()] = rawHeaders[i + 1] as string
  const request = {
    method: args.method,
    url: target === '' || target.startsWith('?') ? `/${target}` : target,
    rawHeaders,
    headers,
    httpVersion: args.http2 ? '2.0' : '1.1',
    httpVersionMajor: args.http2 ? 2 : 1,
    httpVersionMinor: args.http2 ? 0 : 1,
  } as unknown as ClientRequest
  // Nobody waits for a response, so there is none; a rehearsal stops before it would be needed.
  const response = {} as ClientResponse
  return {
    request,
    response,
    listener,
    peer,
    peerPort: 0,
    expectsContinue: false,
    upgrade: upgrade ? ({} as Incoming['upgrade']) : undefined,
  }
}

/** What a browser sends besides, with the key of RFC 6455 §1.3. */
const handshake = [
  'Connection',
  'Upgrade',
  'Upgrade',
  'websocket',
  'Sec-WebSocket-Version',
  '13',
  'Sec-WebSocket-Key',
  'dGhlIHNhbXBsZSBub25jZQ==',
]

/** The listeners of a table, as an exchange sees them, without a socket behind them. */
export function listenersOf(config: LoadedConfig): Listener[] {
  return Object.entries(config.listeners).map(([name, listener]) => ({
    name,
    secure: isEncrypted(name, listener),
    config: listener,
    port: listener.port,
  }))
}

/** The listener that a browser would reach with that address. */
function listenerFor(
  args: SampleRequest,
  config: LoadedConfig,
  secure: boolean,
  authority: string,
): Listener {
  const listeners = listenersOf(config)
  const port = Number(/:(\d+)$/.exec(authority)?.[1] ?? (secure ? 443 : 80))
  const sameKind = listeners.filter((listener) => listener.secure === secure)
  const chosen =
    args.listener === undefined
      ? (sameKind.find((listener) => (listener.config.publicPort ?? listener.port) === port) ?? sameKind[0])
      : listeners.find(({ name }) => name === args.listener)
  if (!chosen) throw new Error(`no listener fits; there are: ${listeners.map(({ name }) => name).join(', ')}`)
  return chosen
}
