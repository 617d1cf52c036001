import { randomUUID } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { basename, join } from 'node:path'
import { type Readable, Transform, type Writable } from 'node:stream'
import { finished, pipeline } from 'node:stream/promises'
import { Busboy, type BusboyHeaders } from '@fastify/busboy'
import { uploadedBytes } from '../metrics.ts'
import { isNoRoom, noRoom, refusal } from '../refusal.ts'
import { type PictureType, typeOf } from './formats.ts'

export interface Received {
  /** The file as it came, which nothing has looked into yet but its first bytes. Whoever takes it removes it. */
  readonly path: string
  readonly type: PictureType
  /** What the client calls it, without folders and control characters. For people, never for paths. */
  readonly filename: string
  readonly fields: Readonly<Record<string, string>>
}

export interface ReceiveSettings {
  /** Where files grow. They are moved away when they are whole. */
  readonly folder: string
  /** Bytes of one file. */
  readonly maxSize: number
  readonly allowed: ReadonlySet<PictureType>
}

/**
 * Reads a form with one picture in its field `file`, and streams that to disk. It stops at the first byte that is too
 * much, at the first dozen bytes if they are of no picture, and where the client leaves; then nothing of it stays.
 */
export async function receive(request: IncomingMessage, settings: ReceiveSettings): Promise<Received> {
  const type = request.headers['content-type'] ?? ''
  if (!/^multipart\/form-data\s*;/i.test(type))
    throw refusal(400, 'The request is not a form with a picture in its field "file" (multipart/form-data).')
  const path = join(settings.folder, `${randomUUID()}.part`)
  try {
    return await readForm(request, path, settings)
  } catch (error) {
    await rm(path, { force: true })
    throw reasonOf(error)
  }
}

// --- internal ---

const limits = {
  files: 1,
  fields: 8,
  fieldNameSize: 64,
  fieldSize: 16_384,
  headerPairs: 32,
  headerSize: 8_192,
  parts: 10,
}

async function readForm(
  request: IncomingMessage,
  path: string,
  settings: ReceiveSettings,
): Promise<Received> {
  const form = new Busboy({
    headers: request.headers as BusboyHeaders,
    limits: { ...limits, fileSize: settings.maxSize },
  })
  const fields: Record<string, string> = {}
  let file: Promise<Pick<Received, 'type' | 'filename'>> | undefined
  const stop = new AbortController()
  const tooMany = () => form.destroy(refusal(400, 'The form has more than one file, or too many fields.'))
  for (const event of ['filesLimit', 'fieldsLimit', 'partsLimit'] as const) form.on(event, tooMany)
  form.on('field', (name, value, nameCut, valueCut) => {
    if (nameCut || valueCut) form.destroy(refusal(400, `The field "${name}" is too long.`))
    else fields[name] = value
  })
  form.on('file', (name, content, filename) => {
    if (name !== 'file') return form.destroy(refusal(400, 'The picture belongs into the field "file".'))
    file = keep(content, path, settings, stop.signal).then((found) => ({
      type: found,
      filename: nameFor(filename),
    }))
    // Whatever went wrong with the file ends the form, or it would wait for somebody to read on.
    file.catch((error) => form.destroy(error))
  })
  try {
    await feed(request, form)
  } catch (error) {
    // The file may be about to be opened, and would come to be behind the back of whoever removes it.
    stop.abort(error)
    await file?.catch(() => {})
    throw error
  }
  if (file === undefined)
    throw refusal(400, 'There is no picture in the form; it belongs into the field "file".')
  return { path, ...(await file), fields }
}

/**
 * Like `pipeline`, which however takes the request from its socket when the form refuses it: nobody then reads the rest of
 * the body, and the next request on that connection is never heard. Here the rest is let through unread.
 */
async function feed(request: IncomingMessage, form: Writable): Promise<void> {
  finished(request, { writable: false }).catch((error) => form.destroy(error))
  request.pipe(form)
  try {
    await finished(form, { readable: false })
  } finally {
    request.unpipe(form)
    request.resume()
  }
}

async function keep(
  content: Readable & { truncated: boolean },
  path: string,
  { maxSize, allowed }: ReceiveSettings,
  signal: AbortSignal,
): Promise<PictureType> {
  let found: PictureType | undefined
  let head = Buffer.alloc(0)
  const look = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      uploadedBytes.add({}, chunk.length)
      if (found !== undefined) return done(null, chunk)
      head = Buffer.concat([head, chunk])
      if (head.length < 12) return done()
      found = typeOf(head)
      if (found === undefined || !allowed.has(found)) return done(wrongType(allowed))
      done(null, head)
    },
    flush: (done) => done(found === undefined ? (head.length === 0 ? empty() : wrongType(allowed)) : null),
  })
  content.on('limit', () => look.destroy(tooLarge(maxSize)))
  const output = createWriteStream(path, { flags: 'wx', mode: 0o600 })
  const closed = new Promise<void>((resolve) => output.once('close', resolve))
  try {
    await pipeline(content, look, output, { signal })
  } finally {
    await closed
  }
  if (content.truncated) throw tooLarge(maxSize)
  return found as unknown as PictureType
}

function wrongType(allowed: ReadonlySet<PictureType>) {
  const names = [...allowed].map((type) => type.toUpperCase()).join(', ')
  return refusal(
    400,
    `This file is not a picture of a kind that is taken here: ${names}. Its name does not matter.`,
  )
}

function empty() {
  return refusal(400, 'The file is empty.')
}

function tooLarge(maxSize: number) {
  const most = maxSize >= 1_048_576 ? `${Math.round(maxSize / 104_857.6) / 10} MB` : `${maxSize} bytes`
  return refusal(413, `The file is larger than ${most}. Save it smaller, and try again.`)
}

/** Forms that break off, and disks that are full, throw errors of their own. */
function reasonOf(error: unknown): unknown {
  if (isNoRoom(error)) return noRoom()
  const { message = '' } = error as Error
  if (
    /Unexpected end of (multipart|file)|terminated early|Malformed|Missing Content|Multipart: Boundary|not supported/i.test(
      message,
    )
  )
    return refusal(400, 'The form broke off, or cannot be read. Send the picture again.')
  return error
}

function nameFor(filename: string | undefined): string {
  // Format characters turn the direction of text, so that `gpj.exe` reads as `exe.jpg`.
  const name = basename((filename ?? '').replaceAll('\\', '/')).replace(/[\p{Cc}\p{Cf}]/gu, '')
  return name.toWellFormed().slice(0, 200) || 'photo'
}
