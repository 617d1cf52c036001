import type { Readable } from 'node:stream'
import { Busboy, type BusboyInstance } from '@fastify/busboy'
import type { Request } from 'express'
import { z } from 'zod'
import { Problem } from '../../shared/problem.ts'
import { readBody } from '../read-body.ts'
import { mediaTypes } from '../settings.ts'

/** What a client says of a chunk, in the fields before its bytes. */
export type ChunkForm = z.output<typeof chunkForm>

/** No name of a client's ever becomes part of a path; it still has to look like a name. */
export const videoId = z.string().regex(/^[\w-]{1,64}$/, 'is 1 to 64 letters, digits, - and _')

const whole = (longest: number) =>
  z
    .string('is missing')
    .regex(new RegExp(`^\\d{1,${longest}}$`), 'is not a whole number')
    .transform(Number)

const chunkForm = z.strictObject({
  session_id: z.uuid('is not the id of a session'),
  video_id: videoId,
  chunk_index: whole(7),
  /** Absent, or 0, while the recording still runs. */
  total_chunks: whole(7)
    .transform((count) => (count === 0 ? undefined : count))
    .optional(),
  chunk_size: whole(9).prefault('1048576'),
  size: whole(9),
  sha256: z.string('is missing').regex(/^[0-9a-f]{64}$/, 'is not a SHA-256 in lower-case hexadecimals'),
  video_type: z.string().max(32).optional(),
  file_extension: z.enum(Object.keys(mediaTypes) as (keyof typeof mediaTypes)[]).default('webm'),
})

/**
 * Reads a chunk's form as it arrives: `receive` gets its fields, and its bytes as a stream of which nothing is held but
 * what the socket holds. Resolves with what `receive` answered; the stream need not have been read to its end.
 *
 * Rejects with a Problem for a body that is no such form, for fields after the bytes, and for what came in half.
 */
export function readChunkForm<Answer>(
  request: Request,
  receive: (form: ChunkForm, bytes: Readable) => Promise<Answer>,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const parser = parserOf(request)
    const fields: Record<string, string> = Object.create(null)
    let answer: Promise<Answer> | undefined
    let chunk: Readable | undefined

    function fail(error: unknown): void {
      request.unpipe(parser)
      // The rest of the body is let through unread, so that the client comes to read the answer.
      request.resume()
      reject(error)
    }

    parser.on('field', (name, value, nameTruncated, valueTruncated) => {
      if (nameTruncated || valueTruncated) return fail(new Problem(400, 'A field of the form is too long'))
      if (name in fields) return fail(new Problem(400, `${name.slice(0, 64)}: is there twice`))
      fields[name] = value
    })
    parser.on('file', (name, bytes) => {
      // Without a listener its end, when the client leaves, would end the process.
      bytes.on('error', () => {})
      if (name !== 'chunk' || answer !== undefined) {
        bytes.resume()
        return fail(new Problem(400, 'The form holds a file that is not `chunk`'))
      }
      chunk = bytes
      answer = begin(bytes)
      answer.then(resolve, (error) => {
        bytes.resume()
        fail(error)
      })
    })
    async function begin(bytes: Readable): Promise<Answer> {
      return receive(readBody(chunkForm, { ...fields }), bytes)
    }
    for (const limit of ['partsLimit', 'filesLimit', 'fieldsLimit'] as const)
      parser.on(limit, () => fail(new Problem(400, 'The form has too many parts')))
    parser.on('error', (error) => fail(new Problem(400, `The form cannot be read: ${String(error)}`)))
    parser.on('finish', () => {
      if (answer === undefined) fail(new Problem(400, 'chunk: is missing, or stands before the fields'))
    })
    request.on('close', () => {
      if (request.complete) return
      const left = new Problem(400, 'The chunk did not arrive whole')
      // The parser does not tell whoever reads the chunk that no more comes, and would keep it waiting for ever.
      chunk?.destroy(left)
      reject(left)
    })
    request.pipe(parser)
  })
}

// --- internal ---

function parserOf(request: Request): BusboyInstance {
  const contentType = request.get('content-type') ?? ''
  if (!/^multipart\/form-data\b/i.test(contentType))
    throw new Problem(415, 'A chunk is sent as multipart/form-data')
  try {
    return new Busboy({
      headers: { ...request.headers, 'content-type': contentType },
      limits: { fields: 12, files: 1, parts: 14, fieldNameSize: 64, fieldSize: 256, headerPairs: 16 },
    })
  } catch (error) {
    throw new Problem(400, `The form cannot be read: ${(error as Error).message}`)
  }
}
