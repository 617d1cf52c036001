import { Router } from 'express'
import { z } from 'zod'
import type { Logger } from '../../shared/logger.ts'
import { Problem } from '../../shared/problem.ts'
import { checkSeconds, checks } from '../metrics.ts'
import { readBody } from '../read-body.ts'
import { readPictureBody } from './bodies.ts'
import { EngineFault, type QualityEngine } from './engine.ts'
import { levelOf, measure, type Part } from './measure.ts'
import { type Picture, readPicture } from './picture.ts'

/** Pictures that are decoded at one time, and that may wait for it: more would only make all of them late. */
const [parallel, waiting] = [4, 24]

const asked = z.object({ image: z.string('is missing: a picture as data:image/jpeg;base64,…') })

/** `POST /api/quality/check`: how good a picture is, and what would make it better. */
export function qualityRoutes(engine: QualityEngine, log: Logger): Router {
  const router = Router()
  const turn = createLine()

  router.post('/api/quality/check', readPictureBody(), async (request, response) => {
    const { image } = readBody(asked, request.body)
    const started = performance.now()
    const { picture, parts } = await turn(async () => {
      const picture = await readPicture(image)
      return { picture, parts: await measure(picture) }
    }).catch((error: unknown) => {
      const isOurs = error instanceof Problem && error.status === 503
      checks.add({ engine: engine.name, outcome: isOurs ? 'overloaded' : 'refused' })
      throw error
    })
    const score = await engine.score(picture, parts).catch((error: unknown) => {
      checks.add({ engine: engine.name, outcome: error instanceof EngineFault ? error.kind : 'wrong' })
      if (!(error instanceof Problem)) throw error
      // Light and sharpness are known all the same, and are what a person can act on.
      log.debug('a picture was not scored', { reason: error.title })
      const { status, title, more, headers } = error
      throw new Problem(status, title, {
        ...more,
        headers,
        engine: engine.name,
        parts,
        region: picture.region,
      })
    })
    checks.add({ engine: engine.name, outcome: levelOf(score, engine.cuts) })
    checkSeconds.observe({ engine: engine.name }, (performance.now() - started) / 1000)
    response.set('Cache-Control', 'no-store')
    response.json({
      ...verdict(engine, score, parts),
      ...described(picture),
      parts,
      inference_time_ms: Math.round((performance.now() - started) * 10) / 10,
    })
  })
  return router
}

// --- internal ---

function verdict({ name, kind, cuts }: QualityEngine, score: number, parts: readonly Part[]) {
  const worst = parts.toSorted((one, other) => one.score - other.score)[0]
  const level = levelOf(score, cuts)
  return {
    status: 'OK',
    engine: name,
    score_kind: kind,
    quality_score: Math.round(score * 10_000) / 10_000,
    /** For a scale on a page: a model's score may lie outside of it. */
    quality_share: Math.min(1, Math.max(0, score)),
    quality_level: level,
    threshold_met: score >= cuts.good,
    message: worst?.advice ?? (level === 'good' ? 'Good picture.' : 'Come closer, and look into the camera.'),
  }
}

/** No engine here looks for faces, so nothing is said of one. */
function described({ width, height, region }: Picture) {
  return { face_confidence: null, face_bbox: null, region, width, height }
}

/** Lets some work at one time, some wait, and sends the rest away. */
function createLine() {
  let busy = 0
  const line: (() => void)[] = []
  return async <Answer>(work: () => Promise<Answer>): Promise<Answer> => {
    if (busy >= parallel) {
      if (line.length >= waiting)
        throw new Problem(503, 'Too many pictures wait to be judged', { headers: { 'Retry-After': '1' } })
      await new Promise<void>((resolve) => line.push(resolve))
    } else busy++
    try {
      return await work()
    } finally {
      const next = line.shift()
      if (next) next()
      else busy--
    }
  }
}
