import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { crc32 } from 'node:zlib'
import { onEnd, type Teardown } from '../../harness/teardown.ts'
import { roomIn } from '../load/room.ts'

/** What large bodies are made of: chunks that are not alike, so that a lost or a swapped one shows in the checksum. */
const chunks = Array.from({ length: 7 }, () => randomBytes(65_536))

/** What is known of a body without keeping it. */
export interface BodyMark {
  readonly bytes: number
  readonly checksum: number
}

/** The body of that many bytes, in chunks. */
export function* bodyChunks(bytes: number): Generator<Buffer> {
  for (let sent = 0, index = 0; sent < bytes; index++) {
    const chunk = chunks[index % chunks.length] ?? Buffer.alloc(0)
    yield chunk.subarray(0, Math.min(chunk.length, bytes - sent))
    sent += chunk.length
  }
}

export function markOf(bytes: number): BodyMark {
  let mark: BodyMark = { bytes: 0, checksum: 0 }
  for (const chunk of bodyChunks(bytes)) mark = extendMark(mark, chunk)
  return mark
}

export function extendMark({ bytes, checksum }: BodyMark, chunk: Buffer): BodyMark {
  return { bytes: bytes + chunk.length, checksum: crc32(chunk, checksum) }
}

/** `GET /N` answers N bytes; `POST /` answers the mark of what it was sent, as JSON. */
export async function startBodiesUpstream(t: Teardown): Promise<{ port: number }> {
  const server = createServer((request, response) => {
    const handle = request.method === 'POST' ? takeBody : giveBody
    handle(request, response).catch(() => response.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onEnd(t, () => {
    server.closeAllConnections()
    server.close()
  })
  return { port: (server.address() as AddressInfo).port }
}

async function giveBody({ url }: IncomingMessage, response: ServerResponse): Promise<void> {
  const bytes = Number(url?.slice(1) || 2)
  response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': bytes })
  for (const chunk of bodyChunks(bytes)) {
    if (response.destroyed) return
    if (!response.write(chunk)) await roomIn(response)
  }
  response.end()
}

async function takeBody(request: IncomingMessage, response: ServerResponse): Promise<void> {
  let mark: BodyMark = { bytes: 0, checksum: 0 }
  for await (const chunk of request) mark = extendMark(mark, chunk)
  response.end(JSON.stringify(mark))
}
