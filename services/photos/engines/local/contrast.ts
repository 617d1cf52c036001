import { lumaOf, mapPlanes, type Picture } from './picture.ts'
import { rangeOf, stretch } from './tones.ts'

/**
 * Spreads the tones of a flat picture from black to white, all channels alike, so that colours keep their hue.
 *
 * @param strength 0 leaves everything, 1 goes all the way.
 */
export function restoreContrast(picture: Picture, strength: number): Picture {
  if (strength <= 0) return picture
  const range = rangeOf(lumaOf(picture))
  return { ...picture, planes: mapPlanes(picture, (plane) => stretch(plane, range, { strength })) }
}
