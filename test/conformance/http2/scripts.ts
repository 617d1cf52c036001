import { setTimeout as sleep } from 'node:timers/promises'
import {
  data,
  type FrameConnection,
  flag,
  frame,
  frameType,
  getFields,
  headers,
  ping,
  preface,
  settings,
  windowUpdate,
} from '../../harness/http2-frames.ts'
import { code, type FrameScript } from './rule.ts'

const get = (stream: number): Buffer => headers(stream, getFields('/a'))
const post = getFields('/a').map(([name, value]) => [name, name === ':method' ? 'POST' : value] as const)

/** RFC 9113, where it takes more than one look. */
export const scripts: readonly FrameScript[] = [
  {
    section: '3.4',
    says: 'The server begins with SETTINGS',
    async play({ waitFor, frames }) {
      await waitFor(() => true)
      return frames[0]?.type === frameType.settings && frames[0].flags === 0
        ? undefined
        : 'another frame came first'
    },
  },
  {
    section: '3.4',
    says: 'A preface that is none ends the connection',
    silent: true,
    async play(connection) {
      connection.send(Buffer.from('PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n'), settings(), get(1))
      return endsWithin(connection, 2000)
    },
  },
  {
    section: '3.4',
    says: 'A preface without SETTINGS ends the connection',
    silent: true,
    async play(connection) {
      connection.send(Buffer.from(preface), ping())
      return endsWithin(connection, 2000)
    },
  },
  {
    section: '4.2',
    says: 'DATA that is larger than MAX_FRAME_SIZE is FRAME_SIZE_ERROR',
    async play(connection) {
      const limit = (await settingOf(connection, 5)) ?? 16_384
      if (limit > 2 ** 20) return undefined
      connection.send(headers(1, post, { endStream: false }), data(1, Buffer.alloc(limit + 1)))
      const { payload } = await connection.waitFor(
        ({ type }) => type === frameType.goaway || type === frameType.rstStream,
      )
      const reason = payload.readUInt32BE(payload.length > 4 ? 4 : 0)
      return reason === code.frameSizeError ? undefined : `it ended with ${reason}`
    },
  },
  {
    section: '5.1.2',
    says: 'Streams past MAX_CONCURRENT_STREAMS are refused, and the others live',
    async play(connection) {
      const limit = await settingOf(connection, 3)
      if (limit === undefined) return 'it sets no limit'
      const streams = Array.from({ length: limit + 1 }, (_, at) => 1 + 2 * at)
      for (const stream of streams) connection.send(headers(stream, post, { endStream: false }))
      const last = streams.at(-1) ?? 0
      const reset = await connection.waitFor(
        ({ type, stream }) => type === frameType.rstStream && stream === last,
        3000,
      )
      const reason = reset.payload.readUInt32BE(0)
      if (reason !== code.refusedStream && reason !== code.protocolError) return `reset with ${reason}`
      connection.send(data(1, 'x'))
      return answered(connection, 1)
    },
  },
  {
    section: '5.4.1',
    says: 'After a connection error the connection is closed',
    async play(connection) {
      connection.send(data(0, 'x'))
      return endsWithin(connection, 3000)
    },
  },
  {
    section: '6.5.3',
    says: 'SETTINGS are acknowledged',
    async play(connection) {
      connection.send(settings([[3, 50]]))
      await connection.waitFor(({ type, flags }) => type === frameType.settings && (flags & flag.ack) !== 0)
      return undefined
    },
  },
  {
    section: '6.7',
    says: 'PING is answered with its own payload',
    async play(connection) {
      connection.send(ping('payload8'))
      const reply = await connection.waitFor(
        ({ type, flags }) => type === frameType.ping && (flags & flag.ack) !== 0,
      )
      return reply.payload.toString() === 'payload8' ? undefined : 'the payload is another'
    },
  },
  {
    section: '6.8',
    says: 'A client that says GOAWAY still gets its answer',
    async play(connection) {
      connection.send(get(1), frame(frameType.goaway, 0, 0, Buffer.alloc(8)))
      return answered(connection, 1)
    },
  },
  {
    section: '6.9.1',
    says: 'No DATA is sent into a window of 0, and it is when the window opens',
    async play(connection) {
      connection.send(settings([[4, 0]]), get(1))
      await connection.waitFor(acks(2))
      await sleep(250)
      if (bytesOn(connection, 1) > 0) return 'DATA came'
      connection.send(windowUpdate(1, 1000))
      return answered(connection, 1)
    },
  },
  {
    section: '6.9.1',
    says: 'DATA comes byte by byte where the window is one byte',
    async play(connection) {
      connection.send(settings([[4, 1]]), get(1))
      await headOf(connection, 1)
      for (let bytes = 1; bytes <= 4; bytes++) {
        await connection.waitFor(() => bytesOn(connection, 1) >= bytes, 2000)
        if (bytesOn(connection, 1) > bytes) return `${bytesOn(connection, 1)} bytes came into ${bytes}`
        connection.send(windowUpdate(1, 1))
      }
      connection.send(windowUpdate(1, 1000))
      return answered(connection, 1)
    },
  },
  {
    section: '6.9.2',
    says: 'A smaller INITIAL_WINDOW_SIZE holds for streams that are open',
    async play(connection) {
      connection.send(settings([[4, 3]]), get(1))
      await connection.waitFor(() => bytesOn(connection, 1) === 3, 2000)
      connection.send(settings([[4, 1]]))
      await connection.waitFor(acks(2))
      // The window is -2 now: two more bytes do not open it.
      connection.send(windowUpdate(1, 2))
      await sleep(100)
      if (bytesOn(connection, 1) !== 3) return `${bytesOn(connection, 1)} bytes came`
      connection.send(windowUpdate(1, 1000))
      return answered(connection, 1)
    },
  },
  {
    section: '6.9',
    says: 'The window of a request grows as its body is taken',
    async play(connection) {
      connection.send(headers(1, post, { endStream: false }))
      const chunk = data(1, Buffer.alloc(16_384), false)
      for (let sent = 0; sent < 3; sent++) connection.send(chunk)
      await connection.waitFor(({ type }) => type === frameType.windowUpdate, 3000)
      connection.send(data(1, 'end'))
      return answered(connection, 1)
    },
  },
  {
    section: '8.1',
    says: 'Two requests on one connection are both answered',
    async play(connection) {
      connection.send(get(1), get(3))
      return (await answered(connection, 1)) ?? (await answered(connection, 3))
    },
  },
]

async function endsWithin(connection: FrameConnection, limit: number): Promise<string | undefined> {
  const end = performance.now() + limit
  while (!connection.ended && performance.now() < end) await sleep(10)
  return connection.ended ? undefined : 'it stays open'
}

async function headOf(connection: FrameConnection, stream: number): Promise<void> {
  await connection.waitFor((each) => each.type === frameType.headers && each.stream === stream)
}

async function answered(connection: FrameConnection, stream: number): Promise<string | undefined> {
  const last = await connection.waitFor(
    (each) =>
      (each.type === frameType.goaway && each.payload.readUInt32BE(4) !== 0) ||
      (each.stream === stream && (each.type === frameType.rstStream || isLast(each.type, each.flags))),
    3000,
  )
  return isLast(last.type, last.flags) ? undefined : 'it was cut off'
}

function isLast(type: number, flags: number): boolean {
  return (type === frameType.data || type === frameType.headers) && (flags & flag.endStream) !== 0
}

function bytesOn({ frames }: FrameConnection, stream: number): number {
  return frames
    .filter((each) => each.type === frameType.data && each.stream === stream)
    .reduce((sum, { payload }) => sum + payload.length, 0)
}

/** True of the acknowledgement of that number. */
function acks(count: number): (frame: { type: number; flags: number }) => boolean {
  let seen = 0
  const known = new Set<object>()
  return (each) => {
    if (each.type !== frameType.settings || (each.flags & flag.ack) === 0) return false
    if (!known.has(each)) {
      known.add(each)
      seen++
    }
    return seen >= count
  }
}

/** A value that the server has set, or undefined. */
async function settingOf(connection: FrameConnection, identifier: number): Promise<number | undefined> {
  const { payload } = await connection.waitFor(
    ({ type, flags }) => type === frameType.settings && flags === 0,
  )
  for (let at = 0; at + 6 <= payload.length; at += 6)
    if (payload.readUInt16BE(at) === identifier) return payload.readUInt32BE(at + 2)
  return undefined
}
