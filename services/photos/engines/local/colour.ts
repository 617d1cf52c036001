import { mapPlanes, type Picture } from './picture.ts'
import { rangeOf, stretch } from './tones.ts'

/**
 * Gives faded dyes their range again and takes a colour cast away. The dyes of a print fade each at its own pace, which
 * lifts the shadows and lowers the lights of each channel by its own amount; so each is stretched by itself, and black
 * and white lose their colour.
 *
 * @param strength 0 leaves everything, 1 goes all the way.
 */
export function restoreColour(picture: Picture, strength: number): Picture {
  if (strength <= 0 || isGrey(picture)) return picture
  return { ...picture, planes: mapPlanes(picture, (plane) => stretch(plane, rangeOf(plane), { strength })) }
}

// --- internal ---

/** A black-and-white scan has no cast; its tones are the matter of `restoreContrast`. */
function isGrey({ planes: [red, green, blue] }: Picture): boolean {
  const every = Math.max(1, Math.floor(red.length / 10_000))
  let difference = 0
  let counted = 0
  for (let i = 0; i < red.length; i += every, counted++)
    difference +=
      Math.abs((red[i] as number) - (green[i] as number)) +
      Math.abs((green[i] as number) - (blue[i] as number))
  return difference / counted < 1.5
}
