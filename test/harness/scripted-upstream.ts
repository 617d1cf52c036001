import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { onEnd, type Teardown } from './teardown.ts'
import { closeServer, trackConnections } from './upstream.ts'

/**
 * One thing that a scripted upstream does on a connection:
 * bytes to send, a pause in milliseconds, a text to wait for, a clean end, or a reset.
 */
export type Step = string | Buffer | { pause: number } | { await: string } | 'END' | 'RESET'

export interface ScriptedConnection {
  readonly socket: Socket
  /** All bytes that arrived, as latin1: one character a byte. */
  received: string
  /** The other side has ended or reset it. */
  ended: boolean
}

export interface ScriptedUpstream {
  readonly url: string
  readonly port: number
  readonly connections: ScriptedConnection[]
}

/**
 * An upstream that answers with exact bytes, for answers that no HTTP library would give. The script of a
 * connection (the first is number 0) starts when a request head has arrived, and leaves the connection open
 * at its end unless it says END or RESET.
 */
export async function startScriptedUpstream(
  t: Teardown,
  script: readonly Step[] | ((connection: number) => readonly Step[]),
): Promise<ScriptedUpstream> {
  const connections: ScriptedConnection[] = []
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const connection = record(socket)
    const steps = typeof script === 'function' ? script(connections.length) : script
    connections.push(connection)
    play(connection, steps).catch(() => socket.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const open = trackConnections(server)
  onEnd(t, () => closeServer(server, open))
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}`, port, connections }
}

function record(socket: Socket): ScriptedConnection {
  const connection: ScriptedConnection = { socket, received: '', ended: false }
  socket.on('data', (chunk) => {
    connection.received += chunk.toString('latin1')
  })
  socket.on('error', () => {})
  socket.on('end', () => {
    connection.ended = true
  })
  socket.on('close', () => {
    connection.ended = true
  })
  return connection
}

async function play(connection: ScriptedConnection, steps: readonly Step[]): Promise<void> {
  await received(connection, '\r\n\r\n')
  for (const step of steps) {
    if (connection.socket.destroyed) return
    if (step === 'END') connection.socket.end()
    else if (step === 'RESET') connection.socket.resetAndDestroy()
    else if (typeof step === 'string') connection.socket.write(step, 'latin1')
    else if (Buffer.isBuffer(step)) connection.socket.write(step)
    else if ('pause' in step) await sleep(step.pause)
    else await received(connection, step.await)
  }
}

async function received(connection: ScriptedConnection, text: string): Promise<void> {
  while (!connection.received.includes(text)) {
    if (connection.ended) throw new Error('The connection ended before the text came')
    await Promise.race([once(connection.socket, 'data'), once(connection.socket, 'close')])
  }
}
