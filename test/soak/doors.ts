import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2'
import { Agent, request as httpsRequest } from 'node:https'
import { between } from './chance.ts'

/** The two ways in for requests, over TLS with a certificate that is verified. Connections are kept for a while. */
export interface Doors {
  http1(ask: Ask): Promise<Reply>
  http2(ask: Ask): Promise<Reply>
  close(): void
}

export interface Ask {
  readonly path: string
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Buffer
  /** Host, if it is not localhost. */
  readonly host?: string
}

export interface Reply {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: Buffer
}

const patience = 60_000

export function openDoors({ port, ca }: { port: number; ca: string }): Doors {
  const tls = { ca, servername: 'localhost' }
  const agent = new Agent({ ...tls, keepAlive: true, maxFreeSockets: 16 })
  const sessions = new Set<ClientHttp2Session>()
  /** Streams that are open, by session. */
  const streams = new WeakMap<ClientHttp2Session, number>()
  let current: ClientHttp2Session | undefined
  /** Streams that it may still open. */
  let left = 0

  const openStream = (headers: Record<string, string>, whole: boolean): ClientHttp2Stream => {
    if (current === undefined || current.destroyed || current.closed || left-- === 0) {
      left = between(20, 400)
      current = connect(`https://127.0.0.1:${port}`, tls)
      current.on('error', () => {})
      sessions.add(current)
    }
    const session = current
    const stream = session.request(headers, { endStream: whole })
    streams.set(session, (streams.get(session) ?? 0) + 1)
    stream.once('close', () => {
      const others = (streams.get(session) ?? 1) - 1
      streams.set(session, others)
      // Not before its last stream has ended: Node's GOAWAY overtakes requests that are on their way.
      if (others > 0 || session === current) return
      sessions.delete(session)
      session.close()
    })
    return stream
  }

  const askHttp1 = (ask: Ask, fresh: boolean): Promise<Reply> => {
    const { path, method = 'GET', headers, body, host = 'localhost' } = ask
    return new Promise((resolve, reject) => {
      const sent = httpsRequest({
        host: '127.0.0.1',
        port,
        path,
        method,
        agent: fresh ? false : agent,
        ...tls,
        // As if they were many.
        localAddress: `127.0.0.${between(1, 250)}`,
        headers: { host: `${host}:${port}`, ...headers },
        signal: AbortSignal.timeout(patience),
      })
      sent.on('error', (error: NodeJS.ErrnoException) => {
        // The proxy closed a connection that had been idle for long, as it was written to (RFC 9112 §9.3.1).
        if (sent.reusedSocket && error.code === 'ECONNRESET') resolve(askHttp1(ask, true))
        else reject(error)
      })
      sent.on('response', (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('error', reject)
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: Buffer.concat(chunks),
          }),
        )
      })
      sent.end(body)
    })
  }

  return {
    // One in ten opens a connection of its own.
    http1: (ask) => askHttp1(ask, between(1, 10) === 1),
    http2: ({ path, method = 'GET', headers, body, host = 'localhost' }) =>
      new Promise((resolve, reject) => {
        const stream = openStream(
          { ':method': method, ':path': path, ':authority': `${host}:${port}`, ...headers },
          body === undefined,
        )
        const chunks: Buffer[] = []
        let head: Reply['headers'] = {}
        stream.setTimeout(patience, () => stream.close(constants.NGHTTP2_CANCEL))
        stream.on('response', (fields) => {
          head = fields as Reply['headers']
        })
        stream.on('data', (chunk: Buffer) => chunks.push(chunk))
        stream.on('error', reject)
        stream.on('close', () => {
          if (stream.rstCode !== constants.NGHTTP2_NO_ERROR)
            return reject(new Error(`the stream was reset with code ${stream.rstCode}`))
          resolve({ status: Number(head[':status']), headers: head, body: Buffer.concat(chunks) })
        })
        if (body !== undefined) stream.end(body)
      }),
    close() {
      agent.destroy()
      for (const session of sessions) session.destroy()
    },
  }
}
