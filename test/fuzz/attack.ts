import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import { http2Corpus } from '../differential/corpus/http2.ts'
import { corpus } from '../differential/corpus/index.ts'
import { data, headers, ping, preface, resetStream, settings, windowUpdate } from '../harness/http2-frames.ts'
import { mutate, mutateFrames } from './mutations.ts'
import { createRandom, type Random } from './random.ts'

/** Where the bytes go: HTTP/1.1 in the clear and in TLS, HTTP/2 in TLS, or the TLS handshake itself. */
type Door = 'plain' | 'tls' | 'h2' | 'handshake'

export interface Attack {
  readonly door: Door
  readonly pieces: readonly Buffer[]
  /** How the connection ends on our side; `wait` leaves it to the proxy. */
  readonly leave: 'destroy' | 'end' | 'reset' | 'wait'
}

/** The attack of that number: always the same for a seed. */
export function makeAttack(seed: number, number: number): Attack {
  const random = createRandom(seed, number)
  const door = random.pick<Door>(['plain', 'plain', 'plain', 'tls', 'h2', 'h2', 'h2', 'handshake'])
  const bytes = door === 'h2' ? frameBytes(random) : mutate(requestBytes(random), random)
  return {
    door,
    pieces: cut(bytes, random),
    leave: random.pick(['destroy', 'destroy', 'end', 'reset', 'wait']),
  }
}

/** Sends it, waits a moment for what comes back, and leaves. Answers what came back, as latin1. */
export async function launch(attack: Attack, ports: { plain: number; secure: number }): Promise<string> {
  const socket = await open(attack.door, ports)
  let reply = ''
  socket.on('data', (bytes: Buffer) => {
    if (reply.length < 100_000) reply += bytes.toString('latin1')
  })
  const closed = once(socket, 'close').catch(() => {})
  for (const piece of attack.pieces) {
    if (socket.destroyed) break
    socket.write(piece)
    await sleep(1)
  }
  if (attack.leave === 'end') socket.end()
  await Promise.race([closed, sleep(attack.leave === 'wait' ? 150 : 25, undefined, { ref: false })])
  if (attack.leave === 'reset' && !('encrypted' in socket) && !socket.destroyed) socket.resetAndDestroy()
  socket.destroy()
  return reply
}

async function open(door: Door, { plain, secure }: { plain: number; secure: number }): Promise<Socket> {
  const host = '127.0.0.1'
  if (door === 'plain' || door === 'handshake') {
    const socket = connect({ port: door === 'plain' ? plain : secure, host })
    socket.on('error', () => {})
    return socket
  }
  const ALPNProtocols = [door === 'h2' ? 'h2' : 'http/1.1']
  const socket = connectTls({
    port: secure,
    host,
    servername: 'a.test',
    rejectUnauthorized: false,
    ALPNProtocols,
  })
  socket.on('error', () => {})
  await Promise.race([once(socket, 'secureConnect'), once(socket, 'close')]).catch(() => {})
  return socket
}

/** One or two requests of the corpus, byte by byte what it says. */
function requestBytes(random: Random): Buffer {
  const one = (): string =>
    [random.pick(corpus).bytes]
      .flat()
      .filter((piece) => typeof piece === 'string')
      .join('')
      .slice(0, 30_000)
  const text = random.percent(30) ? one() + one() : one()
  return Buffer.from(
    text.replaceAll('Host: localhost', `Host: ${random.pick(['a.test', 'b.test'])}`),
    'latin1',
  )
}

function frameBytes(random: Random): Buffer {
  const frames = [settings([[1, 0]]), ...random.pick(http2Corpus).frames]
  if (random.percent(30)) frames.push(...manyStreams(random))
  const sent = mutateFrames(frames, random)
  const start = random.percent(95) ? Buffer.from(preface) : mutate(Buffer.from(preface), random)
  return Buffer.concat([start, ...sent])
}

/** Streams that are opened, fed, cancelled and forgotten. */
function manyStreams(random: Random): Buffer[] {
  const frames: Buffer[] = []
  for (let stream = 3; stream < 3 + 2 * random.below(20); stream += 2) {
    const fields = [
      [':method', random.pick(['GET', 'POST', 'DELETE'])],
      [':scheme', 'https'],
      [':authority', random.pick(['a.test', 'b.test'])],
      [':path', random.pick(['/', '/slow', '/a?b', '//x', '/%2e%2e/'])],
    ] as const
    const endStream = random.percent(60)
    frames.push(headers(stream, fields, { endStream }))
    if (!endStream && random.percent(80))
      frames.push(data(stream, 'x'.repeat(random.below(2000)), random.percent(70)))
    if (random.percent(40)) frames.push(resetStream(stream, random.below(14)))
    if (random.percent(15)) frames.push(windowUpdate(stream, random.pick([0, 1, 0x7fffffff])))
    if (random.percent(10)) frames.push(ping())
    if (random.percent(10)) frames.push(settings([[random.below(9), random.pick([0, 1, 100, 0xffffffff])]]))
  }
  return frames
}

/** The bytes in up to four pieces. */
function cut(bytes: Buffer, random: Random): Buffer[] {
  const pieces: Buffer[] = []
  let rest = bytes
  for (let left = random.below(4); left > 0 && rest.length > 1; left--) {
    const at = 1 + random.below(rest.length - 1)
    pieces.push(rest.subarray(0, at))
    rest = rest.subarray(at)
  }
  return [...pieces, rest]
}
