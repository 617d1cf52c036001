import sharp from 'sharp'
import { bytesOf, decodePicture, type Picture } from '../../../services/photos/engines/local/picture.ts'

/**
 * Pictures of which everything is known, and damage of known kinds. They are drawn, not photographed: faces and
 * landscapes of soft and hard edges, fine texture, writing.
 */

export type SceneName = 'portrait' | 'landscape'

export async function paint(name: SceneName, size = 512): Promise<Picture> {
  const svg = scenes[name].replace('<svg', `<svg width="${size}" height="${size}" viewBox="0 0 512 512"`)
  // Drawn larger and made smaller, as a lens and a sensor do: no edge is harder than a pixel.
  return decodePicture(await sharp(Buffer.from(svg), { density: 144 }).resize(size, size).png().toBuffer())
}

const texture = (id: string, frequency: number, octaves: number, seed: number) =>
  `<filter id="${id}" x="0" y="0" width="100%" height="100%"><feTurbulence type="fractalNoise" baseFrequency="${frequency}" numOctaves="${octaves}" seed="${seed}"/><feColorMatrix type="saturate" values="0.15"/><feComposite in2="SourceGraphic" operator="in"/><feBlend in2="SourceGraphic" mode="soft-light"/></filter>`

const scenes: Record<SceneName, string> = {
  portrait: `<svg xmlns="http://www.w3.org/2000/svg"><defs>
    <radialGradient id="wall" cx="0.6" cy="0.3" r="0.9"><stop offset="0" stop-color="#b9a88c"/><stop offset="1" stop-color="#2d2a2b"/></radialGradient>
    <radialGradient id="skin" cx="0.4" cy="0.35" r="0.8"><stop offset="0" stop-color="#f1cdb0"/><stop offset="0.7" stop-color="#c98f6e"/><stop offset="1" stop-color="#7b4a38"/></radialGradient>
    <linearGradient id="coat" x2="1" y2="1"><stop offset="0" stop-color="#35507a"/><stop offset="1" stop-color="#101a30"/></linearGradient>
    ${texture('cloth', 0.06, 4, 7)}${texture('plaster', 0.02, 3, 3)}</defs>
    <rect width="512" height="512" fill="url(#wall)" filter="url(#plaster)"/>
    <path d="M40 512 Q90 350 256 345 Q430 350 480 512Z" fill="url(#coat)" filter="url(#cloth)"/>
    <path d="M215 300 L300 300 L305 370 L256 410 L208 370Z" fill="#b97f60"/>
    <path d="M208 368 L256 412 L305 368 L340 385 L258 470 L176 385Z" fill="#f4f1e6"/>
    <ellipse cx="256" cy="215" rx="88" ry="112" fill="url(#skin)"/>
    <path d="M160 210 Q150 80 262 82 Q372 84 352 214 Q340 140 256 138 Q180 140 160 210Z" fill="#2a1a14" filter="url(#cloth)"/>
    <ellipse cx="222" cy="205" rx="15" ry="8" fill="#fbf7f0"/><circle cx="223" cy="205" r="7" fill="#3b2a1c"/>
    <ellipse cx="292" cy="205" rx="15" ry="8" fill="#fbf7f0"/><circle cx="291" cy="205" r="7" fill="#3b2a1c"/>
    <path d="M202 188 Q222 176 242 188" stroke="#2a1a14" stroke-width="5" fill="none"/><path d="M272 188 Q292 176 312 188" stroke="#2a1a14" stroke-width="5" fill="none"/>
    <path d="M256 212 Q246 246 254 254 Q262 258 270 252" stroke="#8a5641" stroke-width="4" fill="none"/>
    <path d="M226 282 Q256 300 290 281 Q258 292 226 282Z" fill="#8e3f3c"/>
    <circle cx="258" cy="430" r="5" fill="#d8c27a"/><circle cx="258" cy="462" r="5" fill="#d8c27a"/></svg>`,
  landscape: `<svg xmlns="http://www.w3.org/2000/svg"><defs>
    <linearGradient id="sky" x2="0" y2="1"><stop offset="0" stop-color="#2d6fb4"/><stop offset="1" stop-color="#e8eef2"/></linearGradient>
    <linearGradient id="lake" x2="0" y2="1"><stop offset="0" stop-color="#9cc1d4"/><stop offset="1" stop-color="#12354a"/></linearGradient>
    ${texture('meadow', 0.09, 4, 11)}${texture('rock', 0.035, 5, 5)}</defs>
    <rect width="512" height="300" fill="url(#sky)"/>
    <ellipse cx="120" cy="80" rx="90" ry="22" fill="#fff" opacity="0.7"/><ellipse cx="190" cy="95" rx="70" ry="16" fill="#fff" opacity="0.6"/>
    <path d="M0 290 L90 150 L150 210 L240 110 L330 230 L400 160 L512 280 L512 320 L0 320Z" fill="#6f7685" filter="url(#rock)"/>
    <path d="M215 140 L240 110 L268 147 L250 140 L238 152 L228 138Z" fill="#f6f8fa"/>
    <rect y="300" width="512" height="110" fill="url(#lake)"/>
    <path d="M0 400 Q140 370 260 398 T512 388 L512 512 L0 512Z" fill="#4d7a33" filter="url(#meadow)"/>
    <rect x="330" y="330" width="110" height="90" fill="#e9dfc8"/><path d="M318 332 L385 280 L452 332Z" fill="#8c3b2b" filter="url(#rock)"/>
    <rect x="345" y="350" width="22" height="26" fill="#20303c"/><rect x="400" y="350" width="22" height="26" fill="#20303c"/><rect x="374" y="372" width="20" height="48" fill="#5a3820"/>
    <path d="M345 363 H367 M356 350 V376 M400 363 H422 M411 350 V376" stroke="#f7f3e6" stroke-width="2"/>
    <text x="20" y="490" font-family="DejaVu Sans, sans-serif" font-size="26" fill="#f3ead0">Lake, August 1958</text>
    <path d="M90 470 V380 M90 400 L60 372 M90 395 L124 360" stroke="#2f2117" stroke-width="7"/><circle cx="90" cy="345" r="42" fill="#2c5a2a" filter="url(#meadow)"/></svg>`,
}

// --- damage ---

/** Kinds of damage, each the same at every run. */
export const damages = {
  grain: (picture: Picture) => grain(picture, 18),
  scratches: (picture: Picture) => scratches(picture),
  faded: (picture: Picture) =>
    map(
      picture,
      (value, channel) => ([70, 48, 30][channel] ?? 0) + value * ([0.66, 0.55, 0.46][channel] ?? 1),
    ),
  flat: (picture: Picture) => map(picture, (value) => 70 + value * 0.42),
} as const

export function grain(picture: Picture, sigma: number, seed = 1): Picture {
  const random = randomNumbers(seed)
  // Box and Muller: two even numbers make one of a bell curve.
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
  return map(picture, (value) => value + sigma * normal())
}

function scratches(picture: Picture): Picture {
  const { width, height } = picture
  const random = randomNumbers(5)
  const planes = picture.planes.map((plane) => Float32Array.from(plane)) as unknown as Picture['planes']
  const dot = (x: number, y: number, radius: number, tone: number) => {
    for (let v = Math.floor(y - radius); v <= y + radius; v++)
      for (let u = Math.floor(x - radius); u <= x + radius; u++) {
        if (u < 0 || v < 0 || u >= width || v >= height || Math.hypot(u - x, v - y) > radius) continue
        for (const plane of planes) plane[v * width + u] = tone
      }
  }
  for (let line = 0; line < 14; line++) {
    let [x, y] = [random() * width, random() * height * 0.3]
    const [lean, length] = [(random() - 0.5) * 0.5, height * (0.3 + random() * 0.6)]
    const [thickness, tone] = [0.6 + random() * 0.9, line % 4 === 0 ? 12 : 235]
    for (let step = 0; step < length; step += 0.5, y += 0.5, x += lean * 0.5 + (random() - 0.5) * 0.25)
      dot(x, y, thickness, tone)
  }
  for (let speck = 0; speck < 160; speck++)
    dot(random() * width, random() * height, 1 + random() * 1.6, speck % 3 === 0 ? 15 : 240)
  return { ...picture, planes }
}

function map(picture: Picture, change: (value: number, channel: number) => number): Picture {
  const planes = picture.planes.map((plane, channel) =>
    plane.map((value) => Math.max(0, Math.min(255, Math.round(change(value, channel))))),
  ) as unknown as Picture['planes']
  return { ...picture, planes }
}

/** Mulberry32: small, and the same on every machine. */
function randomNumbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** As somebody would upload it, hardly compressed. */
export function jpegOf(picture: Picture): Promise<Buffer> {
  const { width, height } = picture
  return sharp(bytesOf(picture), { raw: { width, height, channels: 3 } })
    .jpeg({ quality: 95, chromaSubsampling: '4:4:4' })
    .toBuffer()
}
