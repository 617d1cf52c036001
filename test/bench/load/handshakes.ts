import { connect, type TLSSocket } from 'node:tls'
import { certificate } from '../contenders/certificate.ts'
import { plainBody } from '../upstreams/plain.ts'

export interface HandshakeOptions {
  readonly port: number
  readonly seconds: number
  /** Whether each connection takes up the session of an earlier one. */
  readonly resume: boolean
}

/** Connections over TLS 1.3 with one request each, eight at a time. Answers how many. Throws if one goes wrong. */
export async function handshakes({ port, seconds, resume }: HandshakeOptions): Promise<number> {
  const { cert } = await certificate()
  const end = performance.now() + seconds * 1000
  const runs = Array.from({ length: 8 }, async () => {
    let { session } = await handshake({ port, ca: cert })
    let count = 0
    while (performance.now() < end) {
      const outcome = await handshake({ port, ca: cert, session: resume ? session : undefined })
      if (outcome.resumed !== resume)
        throw new Error(resume ? 'A session was not resumed.' : 'A session was resumed.')
      session = outcome.session ?? session
      count++
    }
    return count
  })
  return (await Promise.all(runs)).reduce((total, each) => total + each, 0)
}

function handshake(options: {
  port: number
  ca: string
  session?: Buffer
}): Promise<{ resumed: boolean; session?: Buffer }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ resumed: boolean; session?: Buffer }>()
  const socket: TLSSocket = connect({
    ...options,
    host: '127.0.0.1',
    servername: 'localhost',
    minVersion: 'TLSv1.3',
  })
  let session: Buffer | undefined
  let resumed = false
  let text = ''
  socket.on('secureConnect', () => {
    resumed = socket.isSessionReused()
    socket.write('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
  })
  socket.on('session', (ticket: Buffer) => {
    session = ticket
  })
  socket.on('data', (chunk: Buffer) => {
    text += chunk
  })
  socket.on('error', reject)
  socket.on('close', () => {
    if (text.startsWith('HTTP/1.1 200') && text.endsWith(plainBody)) resolve({ resumed, session })
    else reject(new Error(`A connection was answered ${text.slice(0, 200)}`))
  })
  return promise
}
