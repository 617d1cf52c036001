import { connect, type Socket } from 'node:net'
import { type BodyMark, bodyChunks, extendMark } from '../upstreams/bodies.ts'
import { roomIn } from './room.ts'

/** Downloads a body of that size and answers what came. Throws on any other answer, and if it is cut. */
export async function download(port: number, bytes: number): Promise<BodyMark> {
  const reader = await startDownload(port, bytes)
  return reader.finish()
}

export interface StartedDownload {
  /** Stops reading. */
  pause(): void
  /** Reads the rest. */
  finish(): Promise<BodyMark>
  abandon(): void
}

/** Asks for a body of that size and waits for its first bytes. */
export async function startDownload(port: number, bytes: number): Promise<StartedDownload> {
  const socket = connect({ port, host: '127.0.0.1' })
  let head: string | undefined
  let held = Buffer.alloc(0)
  let mark: BodyMark = { bytes: 0, checksum: 0 }
  const ended = Promise.withResolvers<BodyMark>()
  // Who abandons a download does not wait for its end.
  ended.promise.catch(() => {})
  const begun = Promise.withResolvers<void>()
  socket.on('data', (chunk: Buffer) => {
    if (head !== undefined) mark = extendMark(mark, chunk)
    else {
      held = Buffer.concat([held, chunk])
      const end = held.indexOf('\r\n\r\n')
      if (end === -1) return
      head = held.toString('latin1', 0, end + 2)
      mark = extendMark(mark, held.subarray(end + 4))
      const announced = Number(/\r\ncontent-length: *(\d+)\r\n/i.exec(head)?.[1])
      if (!head.startsWith('HTTP/1.1 200') || announced !== bytes)
        socket.destroy(new Error(`answered ${head}`))
      begun.resolve()
    }
    if (mark.bytes >= bytes) ended.resolve(mark)
  })
  const fail = (error?: Error) => {
    const reason = error ?? new Error(`The download ended after ${mark.bytes} of ${bytes} bytes.`)
    begun.reject(reason)
    ended.reject(reason)
  }
  socket.on('error', fail)
  socket.on('close', () => fail())
  socket.write(`GET /${bytes} HTTP/1.1\r\nHost: localhost\r\n\r\n`)
  await begun.promise
  return {
    pause: () => void socket.pause(),
    async finish() {
      socket.resume()
      const whole = await ended.promise
      socket.destroy()
      return whole
    },
    abandon: () => void socket.destroy(),
  }
}

/** Uploads a body of that size and answers what the upstream says it was sent. */
export async function upload(port: number, bytes: number): Promise<BodyMark> {
  const socket = connect({ port, host: '127.0.0.1' })
  const answer = readToEnd(socket)
  socket.write(`POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: ${bytes}\r\n\r\n`)
  for (const chunk of bodyChunks(bytes)) {
    if (socket.destroyed) break
    if (!socket.write(chunk)) await roomIn(socket)
  }
  const text = await answer
  const mark = /\{"bytes":\d+,"checksum":\d+\}/.exec(text)?.[0]
  if (!text.startsWith('HTTP/1.1 200') || !mark)
    throw new Error(`An upload was answered ${text.slice(0, 300)}`)
  return JSON.parse(mark)
}

function readToEnd(socket: Socket): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  let text = ''
  socket.on('data', (chunk: Buffer) => {
    text += chunk
  })
  socket.on('error', reject)
  socket.on('close', () => resolve(text))
  // The upload itself throws what this would reject with.
  promise.catch(() => {})
  return promise
}
