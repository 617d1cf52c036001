import { createHash, randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Reply, request } from '../../harness/request.ts'

/** Speaks to the camera service as any program would. `base` is asked for each time: a service may have moved. */
export interface CameraClient {
  readonly sessionId: string
  readonly token: string
  send(video: string, chunk: Buffer, fields: ChunkFields): Promise<Reply>
  status(video: string): Promise<Record<string, unknown>>
  fetch(video: string, headers?: Record<string, string>): Promise<Reply>
  videos(): Promise<Record<string, unknown>[]>
}

/** Fields as a good client fills them in; `undefined` leaves one out. */
export interface ChunkFields {
  index: number
  total?: number | undefined
  size?: number
  token?: string | undefined
  form?: Record<string, string | undefined>
}

export const chunkSize = 65_536

/** Bytes that begin as WebM does and are different each time. */
export function someRecording(bytes: number): Buffer {
  return Buffer.concat([Buffer.from([0x1a, 0x45, 0xdf, 0xa3]), randomBytes(bytes - 4)])
}

export function chunksOf(recording: Buffer, size = chunkSize): Buffer[] {
  return Array.from({ length: Math.ceil(recording.length / size) }, (_, index) =>
    recording.subarray(index * size, (index + 1) * size),
  )
}

export async function openSession(
  base: () => string,
  headers: Record<string, string> = {},
): Promise<CameraClient> {
  const made = await request(`${base()}/api/session/create`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: '{}',
    timeout: 20_000,
  })
  if (made.status !== 201) throw new Error(`${made.status} ${made.text}`)
  const { session_id: sessionId, token } = JSON.parse(made.text) as { session_id: string; token: string }
  const authorization = `Bearer ${token}`
  return {
    sessionId,
    token,
    send(video, chunk, { index, total, token: other = token, size, form = {} }) {
      const { type, body } = multipart(
        {
          session_id: sessionId,
          video_id: video,
          chunk_index: String(index),
          total_chunks: total === undefined ? undefined : String(total),
          chunk_size: String(chunkSize),
          size: String(size ?? chunk.length),
          sha256: sha256(chunk),
          ...form,
        },
        chunk,
      )
      return request(`${base()}/api/upload/chunk`, {
        method: 'POST',
        headers: { ...headers, authorization: `Bearer ${other}`, 'content-type': type },
        body,
        timeout: 30_000,
      })
    },
    async status(video) {
      const address = `${base()}/api/upload/status?session_id=${sessionId}&video_id=${video}`
      return JSON.parse((await request(address, { headers: { ...headers, authorization } })).text)
    },
    fetch: (video, more = {}) =>
      request(`${base()}/api/session/${sessionId}/recordings/${video}`, {
        headers: { ...headers, authorization, ...more },
      }),
    async videos() {
      const { text } = await request(`${base()}/api/session/${sessionId}`, {
        headers: { ...headers, authorization },
      })
      return (JSON.parse(text) as { videos: Record<string, unknown>[] }).videos
    },
  }
}

/** Sends a chunk until it is taken, whatever happens to the service in between. */
export async function sendUntilTaken(
  client: CameraClient,
  video: string,
  chunk: Buffer,
  fields: ChunkFields,
) {
  const end = Date.now() + 45_000
  for (;;) {
    const reply = await client.send(video, chunk, fields).catch((error: Error) => error)
    if (!(reply instanceof Error) && reply.status === 200) return reply
    if (!(reply instanceof Error) && reply.status < 500) throw new Error(`${reply.status} ${reply.text}`)
    if (Date.now() > end) throw reply instanceof Error ? reply : new Error(`${reply.status} ${reply.text}`)
    await sleep(50 + Math.random() * 150)
  }
}

export function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}

export function multipart(fields: Record<string, string | undefined>, chunk: Buffer, name = 'chunk') {
  const boundary = '----gatehouse-camera-test'
  const parts = Object.entries(fields).flatMap(([field, value]) =>
    value === undefined
      ? []
      : [`--${boundary}\r\nContent-Disposition: form-data; name="${field}"\r\n\r\n${value}\r\n`],
  )
  const head = `--${boundary}\r\nContent-Disposition: form-data; name="${name}"; filename="../../x"\r\nContent-Type: application/octet-stream\r\n\r\n`
  return {
    type: `multipart/form-data; boundary=${boundary}`,
    body: Buffer.concat([Buffer.from(parts.join('') + head), chunk, Buffer.from(`\r\n--${boundary}--\r\n`)]),
  }
}
