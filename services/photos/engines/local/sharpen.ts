import { blur } from './blur.ts'
import { lumaOf, type Picture, withLuma } from './picture.ts'

/**
 * Undoes a soft focus of about a pixel: looks for the picture that, blurred, gives the one at hand, coming closer by
 * each round (Richardson, 1972; Lucy, 1974). On brightness alone, since colours that are sharpened get seams.
 *
 * @param strength 0 leaves everything, 1 is all that the rounds find.
 * @param sigma How soft it is: the standard deviation of the blur, in pixels.
 */
export function sharpen(picture: Picture, strength: number, sigma = 1.1): Picture {
  if (strength <= 0) return picture
  const luma = lumaOf(picture)
  const found = luma.map((value) => Math.max(1, value))
  const ratio = new Float32Array(luma.length)
  for (let round = 0; round < rounds; round++) {
    const blurred = blur(found, picture, sigma)
    for (let i = 0; i < ratio.length; i++)
      ratio[i] = Math.max(1, luma[i] as number) / Math.max(1, blurred[i] as number)
    const correction = blur(ratio, picture, sigma)
    for (let i = 0; i < found.length; i++)
      found[i] = Math.min(255, (found[i] as number) * (correction[i] as number))
  }
  for (let i = 0; i < found.length; i++)
    found[i] = (luma[i] as number) + strength * ((found[i] as number) - (luma[i] as number))
  return withLuma(picture, luma, found)
}

// --- internal ---

const rounds = 10
