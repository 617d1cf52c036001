import { open } from 'node:fs/promises'
import type { Sharp } from 'sharp'

export type PictureType = 'jpeg' | 'png' | 'webp'

export interface Format {
  readonly mediaType: string
  /** The first is what files are called. */
  readonly extensions: readonly string[]
}

export const formats: Readonly<Record<PictureType, Format>> = {
  jpeg: { mediaType: 'image/jpeg', extensions: ['.jpg', '.jpeg'] },
  png: { mediaType: 'image/png', extensions: ['.png'] },
  webp: { mediaType: 'image/webp', extensions: ['.webp'] },
}

export function extensionOf(type: PictureType): string {
  return formats[type].extensions[0] as string
}

/** What a file is by its first bytes, whatever it is called; undefined if it is none of the three. */
export function typeOf(head: Uint8Array): PictureType | undefined {
  const bytes = Buffer.from(head.buffer, head.byteOffset, head.byteLength)
  if (bytes.subarray(0, 3).equals(Buffer.from([0xff, 0xd8, 0xff]))) return 'jpeg'
  if (bytes.subarray(0, 8).equals(Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'))) return 'png'
  if (bytes.toString('latin1', 0, 4) === 'RIFF' && bytes.toString('latin1', 8, 12) === 'WEBP') return 'webp'
  return undefined
}

/**
 * Encodes a picture into a file that is whole when this resolves, and on the disk. Nothing of the metadata of its source
 * goes along: the encoder writes pixels, and the note that they are sRGB.
 */
export async function writePicture(
  picture: Sharp,
  type: PictureType,
  path: string,
): Promise<{ width: number; height: number; size: number }> {
  // Encoded in memory first: the library does not tell a picture that is broken from a disk that is full.
  const { data, info } = await encoders[type](picture).toBuffer({ resolveWithObject: true })
  const file = await open(path, 'wx', 0o640)
  try {
    await file.writeFile(data)
    await file.sync()
  } finally {
    await file.close()
  }
  return info
}

// --- internal ---

const encoders: Readonly<Record<PictureType, (picture: Sharp) => Sharp>> = {
  jpeg: (picture) => picture.jpeg({ quality: 93, chromaSubsampling: '4:4:4' }),
  png: (picture) => picture.png({ compressionLevel: 7 }),
  webp: (picture) => picture.webp({ quality: 93, effort: 3 }),
}
