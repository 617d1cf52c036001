import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import type { Request } from 'express'
import { isAway } from '../../shared/database.ts'
import { Problem } from '../../shared/problem.ts'
import type { Engines } from '../engines/index.ts'
import type { Model } from '../engines/models.ts'
import { uploads } from '../metrics.ts'
import { type PictureFiles, settle } from '../pictures/files.ts'
import { noRoom, refusal } from '../refusal.ts'
import type { Session } from '../sign-in/sessions.ts'
import { clean } from '../uploads/clean.ts'
import type { PictureType } from '../uploads/formats.ts'
import { receive } from '../uploads/receive.ts'
import { createSlots } from '../uploads/slots.ts'
import { createTurns } from '../uploads/turns.ts'
import { stemOf } from './addresses.ts'
import { readOrder } from './order.ts'
import type { Restorations } from './table.ts'

export interface SubmitSettings {
  readonly restorations: Restorations
  readonly files: PictureFiles
  readonly engines: Engines
  readonly models: readonly Model[]
  readonly allowed: ReadonlySet<PictureType>
  /** Bytes of one upload. */
  readonly maxUploadSize: number
  readonly maxPixels: number
  /** Of one user. */
  readonly maxConcurrentUploads: number
  /** Of all users. */
  readonly maxQueueLength: number
  /** Bytes of all pictures of one user. */
  readonly quota: number
  /** Bytes that stay free on the disk. */
  readonly minFreeSpace: number
}

/** Takes a picture in: receives it, looks it over, keeps it, and puts its job into the queue. Answers the id. */
export function submitter(settings: SubmitSettings): (request: Request, session: Session) => Promise<string> {
  const { files, restorations, maxConcurrentUploads, quota } = settings
  const slots = createSlots(maxConcurrentUploads)
  const inTurn = createTurns(2)

  return async function submit(request, session) {
    try {
      const id = await take(request, session)
      uploads.add({ result: 'taken' })
      return id
    } catch (error) {
      const isTheirs = error instanceof Problem && error.status < 500
      uploads.add({ result: isTheirs ? 'refused' : 'failed' })
      throw error
    }
  }

  async function take(request: Request, session: Session): Promise<string> {
    const giveBack = slots.take(session.user.id)
    if (giveBack === undefined)
      throw refusal(429, `Maximum ${maxConcurrentUploads} concurrent uploads. Wait until one has arrived.`, {
        headers: { 'Retry-After': '5' },
      })
    try {
      await refuseIfFull(session.user.id)
      const received = await receive(request, {
        folder: files.incoming,
        maxSize: settings.maxUploadSize,
        allowed: settings.allowed,
      })
      try {
        return await keep(received, session)
      } finally {
        await rm(received.path, { force: true })
      }
    } finally {
      giveBack()
    }
  }

  /** Asked before a byte is read, so that nobody sends ten megabytes for nothing. */
  async function refuseIfFull(userId: string): Promise<void> {
    if ((await files.freeSpace()) < settings.minFreeSpace) throw noRoom()
    if ((await restorations.bytesOf(userId)) >= quota) throw overQuota(quota)
    if ((await restorations.waiting()) >= settings.maxQueueLength)
      throw refusal(503, 'Many pictures are waiting already. Try again in a minute.', {
        headers: { 'Retry-After': '60' },
      })
  }

  async function keep(
    { path, type, filename, fields }: Awaited<ReturnType<typeof receive>>,
    session: Session,
  ) {
    const { model, parameters } = readOrder(fields, settings)
    const id = randomUUID()
    const [upload, thumbnail] = [files.upload(id, type), files.thumbnail(id)]
    const [draft, thumbnailDraft] = [files.draftOf(upload), files.draftOf(thumbnail)]
    try {
      const { width, height, size, notes } = await inTurn(() =>
        clean(path, { type, target: draft, thumbnail: thumbnailDraft, maxPixels: settings.maxPixels }),
      )
      await settle(draft, upload)
      await settle(thumbnailDraft, thumbnail)
      // The row comes last: there is none without its files, and files without a row are cleaned up.
      const isAdded = await restorations.add(
        {
          id,
          user_id: session.user.id,
          session_id: session.id,
          original_filename: filename,
          stem: stemOf(filename),
          model_id: model.id,
          parameters,
          type,
          width,
          height,
          bytes: size,
          notes,
        },
        quota,
      )
      if (!isAdded) throw overQuota(quota)
      return id
    } catch (error) {
      await Promise.all([draft, thumbnailDraft].map((each) => rm(each, { force: true })))
      // A connection that broke at the last word may have kept the row, which must have its files. If not, the clean-up comes.
      if (!isAway(error)) await files.remove(id)
      throw error
    }
  }
}

// --- internal ---

function overQuota(quota: number) {
  return refusal(
    413,
    `Your pictures take all of the ${Math.round(quota / 1_048_576)} MB that you have here. Delete some, and try again.`,
  )
}
