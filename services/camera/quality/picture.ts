import sharp from 'sharp'
import { Problem } from '../../shared/problem.ts'

/** A picture to judge, decoded as often as somebody asks for a part of it. */
export interface Picture {
  /** Pixels, upright. */
  readonly width: number
  readonly height: number
  /** Where the page asks a face to be: a square in the middle. Nobody has looked whether there is one. */
  readonly region: Region
  /** The region as grey values, `side` × `side`, never enlarged: `side` is at most what was asked for. */
  grey(side: number): Promise<{ side: number; pixels: Uint8Array }>
  /** The middle square of the whole picture as RGB, `side` × `side`. */
  middle(side: number): Promise<Uint8Array>
}

export interface Region {
  readonly x: number
  readonly y: number
  readonly side: number
}

/** Its share of the picture's shorter side. The page draws its oval by the same number. */
const regionShare = 0.7
/** A photograph of 40 megapixels; what claims more is a bomb. */
const mostPixels = 40_000_000

/**
 * Reads `data:image/jpeg;base64,…`, or the base64 alone, of a JPEG, PNG or WebP. Throws a Problem 400 for anything else:
 * an address is not fetched, and formats that can name other files (SVG) are not opened.
 */
export async function readPicture(text: string): Promise<Picture> {
  const bytes = bytesOf(text)
  const open = () => sharp(bytes, { limitInputPixels: mostPixels, failOn: 'error', pages: 1 }).autoOrient()
  const { width, height } = await open()
    .metadata()
    .then(({ autoOrient }) => autoOrient, unreadable)
  const side = Math.max(1, Math.round(Math.min(width, height) * regionShare))
  const region = { x: Math.round((width - side) / 2), y: Math.round((height - side) / 2), side }
  return {
    width,
    height,
    region,
    async grey(wanted) {
      const used = Math.min(wanted, side)
      const scale = used / side
      // Made small first and cut out then: a JPEG is read at a fraction of its size, for a third of the time.
      const small = { width: Math.round(width * scale), height: Math.round(height * scale) }
      const left = Math.min(Math.round(region.x * scale), small.width - used)
      const top = Math.min(Math.round(region.y * scale), small.height - used)
      const pixels = await open()
        .resize({ ...small, fit: 'fill', kernel: 'linear' })
        .extract({ left, top, width: used, height: used })
        .removeAlpha()
        .greyscale()
        .raw()
        .toBuffer()
        .catch(unreadable)
      return { side: used, pixels }
    },
    middle: (wanted) =>
      open()
        .resize(wanted, wanted, { fit: 'cover', kernel: 'linear' })
        .removeAlpha()
        .toColourspace('srgb')
        .raw()
        .toBuffer()
        .catch(unreadable),
  }
}

// --- internal ---

function bytesOf(text: string): Buffer {
  const [, base64] = /^(?:data:image\/(?:jpeg|png|webp);base64,)?([A-Za-z0-9+/]+={0,2})$/.exec(text) ?? []
  if (base64 === undefined)
    throw new Problem(400, 'image: is not data:image/jpeg;base64,… (JPEG, PNG or WebP)')
  const bytes = Buffer.from(base64, 'base64')
  if (!isPhotograph(bytes)) throw new Problem(400, 'image: is neither JPEG, PNG nor WebP')
  return bytes
}

/** By the first bytes, because sharp's own look at them would already open an SVG. */
function isPhotograph(bytes: Buffer): boolean {
  const head = bytes.subarray(0, 12).toString('latin1')
  return (
    head.startsWith('\xff\xd8\xff') ||
    head.startsWith('\x89PNG\r\n\x1a\n') ||
    (head.startsWith('RIFF') && head.endsWith('WEBP'))
  )
}

function unreadable(): never {
  throw new Problem(400, 'image: cannot be decoded; it may be cut short or too large')
}
