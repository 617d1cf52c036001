import { mapPlanes, type Picture } from './picture.ts'
import { resample } from './resample.ts'

/**
 * More pixels: 2 or 4 times the width and height. Lanczos alone blurs; so what the large picture would be when it is made
 * small again is compared with what was given, and the difference is put back, twice (Irani and Peleg, 1991).
 */
export function upscale(picture: Picture, factor: number): Picture {
  if (factor <= 1) return picture
  const small = { width: picture.width, height: picture.height }
  const large = { width: small.width * factor, height: small.height * factor }
  const planes = mapPlanes(picture, (plane) => {
    const enlarged = resample(plane, small, large)
    for (let round = 0; round < rounds; round++) {
      const again = resample(enlarged, large, small)
      for (let i = 0; i < again.length; i++) again[i] = (plane[i] as number) - (again[i] as number)
      const missing = resample(again, small, large)
      for (let i = 0; i < enlarged.length; i++) enlarged[i] = (enlarged[i] as number) + (missing[i] as number)
    }
    return enlarged
  })
  return { ...large, planes }
}

// --- internal ---

const rounds = 2
