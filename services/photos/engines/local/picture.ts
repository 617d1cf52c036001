import sharp from 'sharp'

/** A decoded picture: one plane for each of red, green and blue, row by row, 0 to 255 and between whole numbers. */
export interface Picture {
  readonly width: number
  readonly height: number
  readonly planes: readonly [Float32Array, Float32Array, Float32Array]
}

/** Decodes a picture that was cleaned before (sRGB, upright). What is transparent becomes white. */
export async function decodePicture(source: string | Buffer): Promise<Picture> {
  const { data, info } = await sharp(source, { failOn: 'error' })
    .flatten({ background: 'white' })
    .toColourspace('srgb')
    .raw()
    .toBuffer({ resolveWithObject: true })
  return pictureOf(data, info)
}

/** Takes the pixels apart. `channels` is 1 for a grey picture, else red, green and blue come first. */
function pictureOf(
  data: Uint8Array,
  { width, height, channels }: { width: number; height: number; channels: number },
): Picture {
  const planes = blankPlanes(width * height)
  for (const [index, plane] of planes.entries()) {
    const first = channels < 3 ? 0 : index
    for (let i = 0; i < plane.length; i++) plane[i] = data[i * channels + first] as number
  }
  return { width, height, planes }
}

/** Puts the planes together again: RGB, three bytes a pixel. */
export function bytesOf({ planes }: Picture): Buffer {
  const [red, green, blue] = planes
  // Rounds and clamps as it is written to.
  const data = new Uint8ClampedArray(red.length * 3)
  for (let i = 0; i < red.length; i++) {
    data[i * 3] = red[i] as number
    data[i * 3 + 1] = green[i] as number
    data[i * 3 + 2] = blue[i] as number
  }
  return Buffer.from(data.buffer)
}

/** How bright each pixel looks (Rec. 601), 0 to 255. */
export function lumaOf({ planes: [red, green, blue] }: Picture): Float32Array {
  const luma = new Float32Array(red.length)
  for (let i = 0; i < luma.length; i++)
    luma[i] = 0.299 * (red[i] as number) + 0.587 * (green[i] as number) + 0.114 * (blue[i] as number)
  return luma
}

/** The same colours with another brightness: what luma gained is added to each channel. */
export function withLuma(picture: Picture, before: Float32Array, after: Float32Array): Picture {
  const planes = blankPlanes(before.length)
  for (const [index, plane] of planes.entries()) {
    const old = picture.planes[index] as Float32Array
    for (let i = 0; i < plane.length; i++)
      plane[i] = (old[i] as number) + (after[i] as number) - (before[i] as number)
  }
  return { ...picture, planes }
}

export function mapPlanes(
  picture: Picture,
  map: (plane: Float32Array, index: number) => Float32Array,
): Picture['planes'] {
  const [red, green, blue] = picture.planes
  return [map(red, 0), map(green, 1), map(blue, 2)]
}

// --- internal ---

function blankPlanes(length: number): [Float32Array, Float32Array, Float32Array] {
  return [new Float32Array(length), new Float32Array(length), new Float32Array(length)]
}
