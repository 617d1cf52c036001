import sharp, { type Sharp } from 'sharp'

/** Pictures made here, as a page sends them. */

const jpeg = async (image: Sharp) =>
  `data:image/jpeg;base64,${(await image.jpeg({ quality: 92 }).toBuffer()).toString('base64')}`

/** One colour: `level` 0 to 255. */
export function flat(level: number, size = 480): Promise<string> {
  const background = { r: level, g: level, b: level }
  return jpeg(sharp({ create: { width: size, height: size, channels: 3, background } }))
}

/** A PNG of one colour, `size` pixels a side: a hundred kilobytes, and as many pixels as it says. */
export async function large(size: number): Promise<string> {
  const create = { width: size, height: size, channels: 3, background: '#888' } as const
  return `data:image/png;base64,${(await sharp({ create }).png().toBuffer()).toString('base64')}`
}

export interface Drawing {
  /** Pixels of a side. */
  size?: number
  /** Brightness of paper and of lines, 0 to 255. */
  paper?: number
  ink?: number
  /** Deviation of a Gaussian blur in pixels. */
  blur?: number
  /** Share of light that the left half loses. */
  shade?: number
}

/** A head of ovals and lines, drawn at any size, light and sharpness. */
export function drawing({
  size = 720,
  paper = 170,
  ink = 50,
  blur,
  shade = 0,
}: Drawing = {}): Promise<string> {
  const grey = (level: number) => `rgb(${level},${level},${level})`
  const lines = Array.from(
    { length: 26 },
    (_, at) => `<path d="M${14 + at * 3} ${20 + (at % 5) * 3}v${30 + (at % 7) * 5}"/>`,
  )
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100" width="${size}" height="${size}">
    <rect width="100" height="100" fill="${grey(paper)}"/>
    <g fill="none" stroke="${grey(ink)}" stroke-width="1">${lines.join('')}
      <ellipse cx="50" cy="50" rx="26" ry="34" stroke-width="2"/>
      <circle cx="40" cy="44" r="4"/><circle cx="60" cy="44" r="4"/><path d="M38 66q12 8 24 0"/></g>
    <rect width="50" height="100" fill="#000" opacity="${shade}"/></svg>`
  const image = sharp(Buffer.from(svg))
  return jpeg(blur === undefined ? image : image.blur(blur))
}
