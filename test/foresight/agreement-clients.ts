import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2'
import { connect } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { SampleRequest } from '../../proxy/rehearsal/sample-request.ts'
import type { Proxy as RunningProxy } from '../harness/proxy.ts'
import { onEnd, type Teardown } from '../harness/teardown.ts'

/** What came of a request, as far as both can know it. */
export interface Outcome {
  readonly status: number
  readonly route: string | undefined
  readonly location: string | undefined
  /** What the upstream was sent: method, path and fields, in one text. */
  readonly sent: string | undefined
}

/** A door of the running proxy: it asks one request after the other, from any address of this machine. */
export interface Client {
  /** The request as this door would have it. */
  fit(request: SampleRequest): SampleRequest
  /** Undefined for what this door cannot send. */
  ask(request: SampleRequest): Promise<Outcome | undefined>
}

/** HTTP/1.1 in the clear and over TLS, HTTP/2, and upgrades. */
export function openClients(t: Teardown, proxy: RunningProxy): Client[] {
  return [
    http1Client({ t, proxy, listener: 'http', upgrade: false }),
    http1Client({ t, proxy, listener: 'https', upgrade: false }),
    http1Client({ t, proxy, listener: 'https', upgrade: true }),
    http2Client(t, proxy),
  ]
}

// --- internal ---

interface Door {
  readonly t: Teardown
  readonly proxy: RunningProxy
  readonly listener: 'http' | 'https'
  readonly upgrade: boolean
}

/** A connection for each address, kept as long as the proxy keeps it. Bytes are sent as they are. */
function http1Client({ t, proxy, listener, upgrade }: Door): Client {
  const sockets = new Map<string, ReturnType<typeof connect>>()
  onEnd(t, () => {
    for (const socket of sockets.values()) socket.destroy()
  })

  function socketFrom(from: string) {
    const known = sockets.get(from)
    if (known !== undefined && !known.destroyed && known.readyState === 'open') return known
    const place = { host: '127.0.0.1', port: proxy.port(listener), localAddress: from }
    const socket =
      listener === 'http'
        ? connect(place)
        : connectTls({
            ...place,
            rejectUnauthorized: false,
            ALPNProtocols: ['http/1.1'],
            servername: 'site.test',
          })
    socket.on('error', () => {})
    sockets.set(from, socket)
    return socket
  }

  return {
    fit: (request) => ({
      ...request,
      listener,
      upgrade,
      url: listener === 'http' ? request.url.replace('https:', 'http:') : request.url,
      method: upgrade ? 'GET' : request.method,
    }),
    async ask(request) {
      const bytes = Buffer.from(headOf(request), 'utf8')
      for (let tries = 0; ; tries++) {
        const socket = socketFrom(request.from)
        const head = await exchange(socket, bytes)
        if (head === undefined && tries < 3) {
          // The proxy may close an idle connection just as it is used.
          socket.destroy()
          continue
        }
        if (head === undefined) return { status: 0, route: undefined, location: undefined, sent: undefined }
        if (upgrade || /\r\nconnection: close/i.test(head)) socket.destroy()
        return outcomeOf(Number(head.slice(9, 12)), (name) => fieldOf(head, name))
      }
    },
  }
}

function headOf({ method, url, headers, upgrade }: SampleRequest): string {
  const [, host = '', target = ''] = /^https?:\/\/([^/?#]*)(.*)$/s.exec(url) ?? []
  const lines = [`${method} ${target} HTTP/1.1`, `Host: ${host}`]
  if (upgrade)
    lines.push(
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      `Sec-WebSocket-Key: ${key}`,
    )
  return `${[...lines, ...headers].join('\r\n')}\r\n\r\n`
}

/** The one of RFC 6455 §1.3. */
const key = 'dGhlIHNhbXBsZSBub25jZQ=='

/** Answers the head of the response; undefined if the connection ended without one. */
function exchange(socket: ReturnType<typeof connect>, bytes: Buffer): Promise<string | undefined> {
  return new Promise((done) => {
    let got = ''
    const finish = (head: string | undefined): void => {
      socket.off('data', read)
      socket.off('close', closed)
      done(head)
    }
    const read = (chunk: Buffer): void => {
      got += chunk.toString('latin1')
      const end = got.indexOf('\r\n\r\n')
      if (end === -1) return
      const head = got.slice(0, end)
      const length = Number(fieldOf(head, 'content-length') ?? 0)
      const bodiless = bytes.subarray(0, 5).toString() === 'HEAD ' || head.startsWith('HTTP/1.1 304')
      if (bodiless || got.length - end - 4 >= length) finish(head)
    }
    const closed = (): void =>
      finish(got.includes('\r\n\r\n') ? got.slice(0, got.indexOf('\r\n\r\n')) : undefined)
    socket.on('data', read)
    socket.once('close', closed)
    socket.write(bytes)
  })
}

function fieldOf(head: string, name: string): string | undefined {
  return new RegExp(`\\r\\n${name}: ([^\\r]*)`, 'i').exec(head)?.[1]
}

function http2Client(t: Teardown, proxy: RunningProxy): Client {
  const sessions = new Map<string, ClientHttp2Session>()
  onEnd(t, () => {
    for (const session of sessions.values()) session.destroy()
  })
  const sessionFrom = (from: string): ClientHttp2Session => {
    const known = sessions.get(from)
    if (known !== undefined && !known.destroyed && !known.closed) return known
    const session = connectHttp2('https://site.test', {
      createConnection: () =>
        connectTls({
          // Node's types know no localAddress here.
          ...{ localAddress: from },
          host: '127.0.0.1',
          port: proxy.port('https'),
          servername: 'site.test',
          rejectUnauthorized: false,
          ALPNProtocols: ['h2'],
        }),
    })
    session.on('error', () => {})
    sessions.set(from, session)
    return session
  }
  return {
    fit: (request) => ({ ...request, http2: true }),
    ask: (request) =>
      new Promise((done) => {
        const [, host = '', target = ''] = /^https:\/\/([^/?#]*)(.*)$/s.exec(request.url) ?? []
        const fields: Record<string, string> = {
          ':method': request.method,
          ':authority': host,
          ':path': target,
        }
        for (const line of request.headers) {
          const colon = line.indexOf(':')
          fields[line.slice(0, colon).toLowerCase()] = line.slice(colon + 2)
        }
        const happened = (status: number, field: (name: string) => string | undefined): void =>
          done(outcomeOf(status, field))
        try {
          const stream = sessionFrom(request.from).request(fields, { endStream: true })
          stream.on('response', (head) => {
            stream.resume()
            const field = (name: string) => head[name]?.toString()
            stream.on('close', () => happened(Number(head[':status']), field))
          })
          // Node's own client or server would not have it at all, so no policy has seen it.
          stream.on('error', () => done(undefined))
          stream.on('close', () => done(undefined))
        } catch {
          done(undefined)
        }
      }),
  }
}

function outcomeOf(status: number, field: (name: string) => string | undefined): Outcome {
  const sent = field('x-sent')
  return {
    status,
    route: field('x-route'),
    location: field('location'),
    sent: sent === undefined ? undefined : decodeURIComponent(sent),
  }
}
