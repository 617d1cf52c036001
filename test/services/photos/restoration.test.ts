import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { blur } from '../../../services/photos/engines/local/blur.ts'
import { restoreColour } from '../../../services/photos/engines/local/colour.ts'
import { restoreContrast } from '../../../services/photos/engines/local/contrast.ts'
import { denoise } from '../../../services/photos/engines/local/denoise.ts'
import { mapPlanes, type Picture } from '../../../services/photos/engines/local/picture.ts'
import { resample } from '../../../services/photos/engines/local/resample.ts'
import { removeScratches } from '../../../services/photos/engines/local/scratches.ts'
import { sharpen } from '../../../services/photos/engines/local/sharpen.ts'
import { steps } from '../../../services/photos/engines/local/steps.ts'
import { upscale } from '../../../services/photos/engines/local/upscale.ts'
import { damages, grain, paint, type SceneName } from './known-pictures.ts'
import { likeness } from './likeness.ts'

/** Each step makes a picture with known damage liker to the picture that it was: by decibels, and in structure. */

const truths = {} as Record<SceneName, Picture>
before(async () => {
  for (const name of ['portrait', 'landscape'] as const) truths[name] = await paint(name)
})

interface Row {
  readonly damage: string
  harm(truth: Picture): Picture
  mend(damaged: Picture, truth: Picture): Picture
  /** Decibels that it gains at least, in each picture. */
  readonly gain: number
}

const half = (picture: Picture) => ({ width: picture.width / 2, height: picture.height / 2 })
const whole = (planes: Picture['planes'], picture: Picture, size = picture): Picture => ({
  ...size,
  planes: mapPlanes({ ...picture, planes }, (plane) =>
    plane.map((value) => Math.max(0, Math.min(255, Math.round(value)))),
  ),
})
/** Enlarged without a thought, to compare with. */
const doubled = (small: Picture): Picture => {
  const large = { width: small.width * 2, height: small.height * 2 }
  const planes = mapPlanes(small, (plane) => {
    const out = new Float32Array(large.width * large.height)
    for (let y = 0; y < large.height; y++)
      for (let x = 0; x < large.width; x++)
        out[y * large.width + x] = plane[(y >> 1) * small.width + (x >> 1)] as number
    return out
  })
  return { ...large, planes }
}
const shrunk = (truth: Picture): Picture =>
  whole(
    mapPlanes(truth, (plane) => resample(plane, truth, half(truth))),
    truth,
    { ...truth, ...half(truth) },
  )

const rows: Row[] = [
  {
    damage: 'strong grain',
    harm: (truth) => grain(truth, 18),
    mend: (picture) => denoise(picture, 1),
    gain: 10,
  },
  { damage: 'fine grain', harm: (truth) => grain(truth, 8), mend: (picture) => denoise(picture, 1), gain: 9 },
  {
    damage: 'scratches and dust',
    harm: damages.scratches,
    mend: (picture) => removeScratches(picture, 1),
    gain: 7,
  },
  { damage: 'fading and a cast', harm: damages.faded, mend: (picture) => restoreColour(picture, 1), gain: 6 },
  { damage: 'flat tones', harm: damages.flat, mend: (picture) => restoreContrast(picture, 1), gain: 3 },
  {
    damage: 'soft focus',
    harm: (truth) =>
      whole(
        mapPlanes(truth, (plane) => blur(plane, truth, 1.1)),
        truth,
      ),
    mend: (picture) => sharpen(picture, 1),
    gain: 2.5,
  },
  {
    damage: 'too few pixels',
    harm: (truth) => doubled(shrunk(truth)),
    mend: (_, truth) => upscale(shrunk(truth), 2),
    gain: 1.5,
  },
  {
    damage: 'everything at once',
    harm: (truth) => grain(damages.scratches(damages.faded(truth)), 9),
    mend: (picture) => steps.reduce((done, step) => step.apply(done, settings[step.name]), picture),
    gain: 4,
  },
]

/** Of the model `restore`. */
const settings = { scratches: 1, denoise: 1, colour: 1, contrast: 0.6, sharpen: 0.4, upscale: 1 }

describe('what the local engine does', () => {
  for (const { damage, harm, mend, gain } of rows)
    test(`makes ${damage} better`, (t) => {
      for (const [name, truth] of Object.entries(truths)) {
        const damaged = harm(truth)
        const began = process.cpuUsage()
        const mended = mend(damaged, truth)
        const { user } = process.cpuUsage(began)
        const took = user / 1_000 / ((truth.width * truth.height) / 1e6)
        const [was, is] = [likeness(damaged, truth), likeness(mended, truth)]
        t.diagnostic(
          `${name}: ${was.psnr.toFixed(1)} → ${is.psnr.toFixed(1)} dB, SSIM ${was.ssim.toFixed(3)} → ${is.ssim.toFixed(3)}, ${took.toFixed(0)} ms of CPU a megapixel`,
        )
        assert.ok(is.psnr >= was.psnr + gain, `${name}: ${was.psnr} → ${is.psnr} dB`)
        assert.ok(is.ssim > was.ssim, `${name}: SSIM ${was.ssim} → ${is.ssim}`)
      }
    })

  test('leaves a picture without that damage nearly as it is', () => {
    for (const [name, truth] of Object.entries(truths)) {
      for (const [step, mended] of [
        ['denoise', denoise(truth, 1)],
        ['scratches', removeScratches(truth, 1)],
      ] as const) {
        const { psnr } = likeness(mended, truth)
        assert.ok(psnr > 40, `${step} changed the ${name}: ${psnr} dB`)
      }
    }
  })

  test('changes nothing where a step is set to nothing', () => {
    const { portrait } = truths
    for (const step of steps)
      assert.equal(step.apply(portrait, step.name === 'upscale' ? 1 : 0), portrait, step.name)
  })

  test('does more where it is set to more', () => {
    const damaged = grain(truths.portrait, 18)
    const at = (strength: number) => likeness(denoise(damaged, strength), damaged).psnr
    assert.ok(at(0.3) > at(0.6) && at(0.6) > at(1), 'denoise')
    const faded = damages.faded(truths.portrait)
    const back = (strength: number) => likeness(restoreColour(faded, strength), truths.portrait).psnr
    assert.ok(back(1) > back(0.5) && back(0.5) > back(0.1), 'colour')
  })

  for (const [width, height] of [
    [1, 1],
    [1, 40],
    [9, 7],
    [8, 8],
    [33, 3],
  ] as const)
    test(`holds for a picture of ${width} × ${height}`, () => {
      const plane = () => Float32Array.from({ length: width * height }, (_, i) => (i * 37) % 256)
      const tiny: Picture = { width, height, planes: [plane(), plane(), plane()] }
      for (const step of steps) {
        const done = step.apply(tiny, step.name === 'upscale' ? 2 : 1)
        for (const result of done.planes) {
          assert.equal(result.length, done.width * done.height, step.name)
          assert.ok(result.every(Number.isFinite), step.name)
        }
      }
    })
})
