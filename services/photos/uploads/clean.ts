import sharp, { type Metadata } from 'sharp'
import { isNoRoom, noRoom, refusal } from '../refusal.ts'
import { type PictureType, writePicture } from './formats.ts'
import { hasLocation } from './location.ts'

export interface Cleaned {
  readonly width: number
  readonly height: number
  /** Bytes on disk. */
  readonly size: number
  /** What was taken out or changed: a sentence each, for the person whose picture it is. */
  readonly notes: readonly string[]
}

/** Width or height of a thumbnail, in pixels. */
const thumbnailSide = 360

/**
 * Makes a clean picture of an upload: decoded to its end and encoded anew, upright, in sRGB, without metadata, without
 * whatever was hidden behind or beside the pixels. Refuses what is too large before it is unpacked: a file of a few
 * kilobytes may hold a picture of gigabytes. Writes the picture and its thumbnail.
 */
export async function clean(
  source: string,
  {
    type,
    target,
    thumbnail,
    maxPixels,
  }: { type: PictureType; target: string; thumbnail: string; maxPixels: number },
): Promise<Cleaned> {
  const metadata = await read(source)
  if (metadata.format !== type) throw unreadable()
  const { width, height } = metadata
  if (width * height > maxPixels)
    throw refusal(
      400,
      `The picture has ${width} × ${height} pixels, more than ${Math.floor(maxPixels / 1e6)} million. Make it smaller, and try again.`,
    )
  try {
    const picture = open(source, maxPixels).autoOrient()
    const kept = await writePicture(picture, type, target)
    await writePicture(
      sharp(target).resize(thumbnailSide, thumbnailSide, { fit: 'inside', withoutEnlargement: true }),
      'webp',
      thumbnail,
    )
    return { width: kept.width, height: kept.height, size: kept.size, notes: notesOn(metadata) }
  } catch (error) {
    throw isNoRoom(error) ? noRoom() : unreadable()
  }
}

/** Only what reads the three kinds may run: the library knows dozens more, and each is somewhere to break in. */
export function allowOnlyPictures(): void {
  sharp.cache(false)
  sharp.concurrency(1)
  sharp.block({ operation: ['VipsForeignLoad'] })
  sharp.unblock({
    operation: ['VipsForeignLoadJpegFile', 'VipsForeignLoadPngFile', 'VipsForeignLoadWebpFile'],
  })
  sharp.unblock({
    operation: ['VipsForeignLoadJpegBuffer', 'VipsForeignLoadPngBuffer', 'VipsForeignLoadWebpBuffer'],
  })
}

// --- internal ---

function open(source: string, maxPixels: number) {
  return sharp(source, { failOn: 'error', limitInputPixels: maxPixels, sequentialRead: true })
}

async function read(source: string): Promise<Metadata> {
  try {
    // Reads the head of the file, and unpacks nothing.
    return await sharp(source, { failOn: 'error', limitInputPixels: false }).metadata()
  } catch {
    throw unreadable()
  }
}

function unreadable() {
  return refusal(
    400,
    'The picture is damaged or not whole: it cannot be read to its end. Save it anew, and try again.',
  )
}

function notesOn(metadata: Metadata): string[] {
  const notes: string[] = []
  if (hasLocation(metadata)) notes.push('The place where it was taken stood in the file, and was removed.')
  else if (metadata.exif ?? metadata.xmp ?? metadata.iptc)
    notes.push('Details of camera and time stood in the file, and were removed.')
  if ((metadata.orientation ?? 1) > 1) notes.push('It was turned upright.')
  if ((metadata.pages ?? 1) > 1) notes.push('It was an animation, of which the first picture was kept.')
  return notes
}
