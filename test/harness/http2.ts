import { once } from 'node:events'
import { type ClientHttp2Session, connect, constants, type IncomingHttpHeaders } from 'node:http2'
import { onEnd, type Teardown } from './teardown.ts'

export interface Http2Client {
  readonly session: ClientHttp2Session
  /** One stream. Rejects when the stream is reset, with its code in the message. */
  request(path: string, ask?: Http2Ask): Promise<Http2Reply>
}

export interface Http2Ask {
  method?: string
  /** Pseudo-headers may stand here too. */
  headers?: Record<string, string | string[]>
  body?: string | Buffer
  trailers?: Record<string, string>
  signal?: AbortSignal
}

export interface Http2Reply {
  status: number
  headers: IncomingHttpHeaders
  trailers: IncomingHttpHeaders
  interim: number[]
  body: Buffer
  text: string
}

/** An HTTP/2 connection over TLS, accepting any certificate. `authority` is `host:port` or `host` as requests say it. */
export async function connectHttp2(
  t: Teardown,
  port: number,
  { authority = `localhost:${port}`, from }: { authority?: string; from?: string } = {},
): Promise<Http2Client> {
  const session = connect(`https://${authority}`, {
    host: '127.0.0.1',
    port,
    servername: authority.replace(/:\d+$/, ''),
    rejectUnauthorized: false,
    ...(from ? { localAddress: from } : {}),
  })
  session.on('error', () => {})
  onEnd(t, () => session.destroy())
  await once(session, 'connect')
  return { session, request: (path, ask = {}) => openStream(session, path, ask) }
}

function openStream(session: ClientHttp2Session, path: string, ask: Http2Ask): Promise<Http2Reply> {
  const { method = 'GET', headers, body, trailers, signal } = ask
  const stream = session.request(
    { ':method': method, ':path': path, ...headers },
    {
      endStream: body === undefined && trailers === undefined,
      waitForTrailers: trailers !== undefined,
      ...(signal ? { signal } : {}),
    },
  )
  if (trailers) stream.on('wantTrailers', () => stream.sendTrailers(trailers))
  if (body !== undefined || trailers) stream.end(body)
  const reply: Http2Reply = {
    status: 0,
    headers: {},
    trailers: {},
    interim: [],
    body: Buffer.alloc(0),
    text: '',
  }
  const chunks: Buffer[] = []
  stream.on('headers', (head) => reply.interim.push(Number(head[':status'])))
  stream.on('response', (head) => {
    reply.status = Number(head[':status'])
    reply.headers = head
  })
  stream.on('trailers', (fields) => {
    reply.trailers = fields
  })
  stream.on('data', (chunk: Buffer) => chunks.push(chunk))
  return new Promise((resolve, reject) => {
    stream.on('error', reject)
    stream.on('close', () => {
      if (stream.rstCode !== constants.NGHTTP2_NO_ERROR || reply.status === 0)
        return reject(new Error(`The stream was reset with code ${stream.rstCode}`))
      reply.body = Buffer.concat(chunks)
      reply.text = reply.body.toString()
      resolve(reply)
    })
  })
}
