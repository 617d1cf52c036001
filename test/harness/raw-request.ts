import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'

export interface RawReply {
  /** All that came back, as latin1: one character a byte. */
  text: string
  /** Status codes of the responses in it, in order, 1xx too. */
  statuses: number[]
  /** The other side ended the connection, cleanly or by a reset, before we did. */
  ended: boolean
  reset: boolean
}

export interface RawOptions {
  /** Speak TLS, accepting any certificate. The servername is `localhost` unless given. */
  tls?: boolean
  servername?: string
  /** Be content when this has come. */
  until?: RegExp
  /** Be content after so many milliseconds without a byte, once something came. */
  idle?: number
  /** Give up after so many milliseconds, and answer what there is. */
  timeout?: number
  host?: string
  /** End our side after the last byte. */
  halfClose?: boolean
}

/**
 * Sends exact bytes and collects the exact reply, for requests that no HTTP library would send.
 * A number among the bytes is a pause in milliseconds; strings are latin1.
 */
export async function rawRequest(
  port: number,
  bytes: string | Buffer | readonly (string | Buffer | number)[],
  options: RawOptions = {},
): Promise<RawReply> {
  const { until, idle = 250, timeout = 5000 } = options
  const socket = await rawConnect(port, options)
  const reply: RawReply = { text: '', statuses: [], ended: false, reset: false }
  const finished = new AbortController()
  const finish = () => finished.abort()
  let quiet: NodeJS.Timeout | undefined
  socket.on('data', (chunk: Buffer) => {
    reply.text += chunk.toString('latin1')
    if (until?.test(reply.text)) return finish()
    clearTimeout(quiet)
    if (!until) quiet = setTimeout(finish, idle)
  })
  socket.on('error', () => {
    reply.reset = true
  })
  for (const event of ['end', 'close'])
    socket.on(event, () => {
      if (!finished.signal.aborted) reply.ended = true
      finish()
    })
  send(socket, bytes, options.halfClose ?? false).catch(finish)
  await sleep(timeout, undefined, { signal: finished.signal }).catch(() => {})
  finish()
  clearTimeout(quiet)
  socket.destroy()
  reply.statuses = statusesIn(reply.text)
  return reply
}

/** An open connection on which a test does what it likes. It has an error handler; the test destroys it. */
export async function rawConnect(port: number, options: RawOptions = {}): Promise<Socket> {
  const { host = '127.0.0.1', servername = 'localhost' } = options
  const socket = options.tls
    ? connectTls({ port, host, servername, rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] })
    : connect({ port, host })
  socket.setNoDelay(true)
  await once(socket, options.tls ? 'secureConnect' : 'connect')
  socket.on('error', () => {})
  return socket
}

/** Status codes of the HTTP/1 responses in a text, in order. */
export function statusesIn(text: string): number[] {
  return [...text.matchAll(/HTTP\/1\.[01] (\d{3})[ \r]/g)].map((found) => Number(found[1]))
}

async function send(
  socket: Socket,
  bytes: string | Buffer | readonly (string | Buffer | number)[],
  halfClose: boolean,
): Promise<void> {
  for (const piece of Array.isArray(bytes) ? bytes : [bytes]) {
    if (typeof piece === 'number') await sleep(piece)
    else if (!socket.destroyed) socket.write(typeof piece === 'string' ? Buffer.from(piece, 'latin1') : piece)
  }
  if (halfClose) socket.end()
}
