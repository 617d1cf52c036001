import { createHash } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import sharp from 'sharp'
import { Problem } from '../../shared/problem.ts'
import { writeWhole } from '../events/files.ts'

/** Bytes. Over it a device answers pictureSizeExceedLimit. */
const largest = 200_000
/** Pixels that a picture may unfold to. */
const mostPixels = 50_000_000
const sizes = [960, 720, 480]
const qualities = [90, 80, 65, 50]

/**
 * Makes of a photograph what devices take: an upright JPEG below 200 KB, without what the camera wrote into it. Throws
 * a Problem if it is no picture. Answers its file below `faces/`.
 */
export async function keepFace(folder: string, number: string, upload: Buffer): Promise<string> {
  const jpeg = await fittingJpeg(upload)
  const digest = createHash('sha256').update(jpeg).digest('hex').slice(0, 24)
  const file = join('people', `${number}-${digest}.jpg`)
  await writeWhole(join(folder, file), jpeg)
  return file
}

/** Removes a face that nobody has any more. One that is not there is removed already. */
export async function forgetFace(folder: string, file: string | undefined): Promise<void> {
  if (file !== undefined) await rm(join(folder, file), { force: true })
}

async function fittingJpeg(upload: Buffer): Promise<Buffer> {
  try {
    for (const size of sizes)
      for (const quality of qualities) {
        const jpeg = await sharp(upload, { limitInputPixels: mostPixels, failOn: 'error' })
          .rotate()
          .resize({ width: size, height: size, fit: 'inside', withoutEnlargement: true })
          .flatten({ background: '#ffffff' })
          .jpeg({ quality, progressive: false })
          .toBuffer()
        if (jpeg.length <= largest) return jpeg
      }
  } catch {
    throw new Problem(400, 'That is not a picture that can be read; send a JPEG or PNG of a face')
  }
  throw new Problem(400, 'That picture cannot be made small enough; send another one')
}
