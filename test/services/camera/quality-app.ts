import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { PassThrough } from 'node:stream'
import type { QualityEngine } from '../../../services/camera/quality/engine.ts'
import { qualityRoutes } from '../../../services/camera/quality/quality-routes.ts'
import { createTritonEngine, type TritonSettings } from '../../../services/camera/quality/triton/triton.ts'
import { createLogger } from '../../../services/shared/logger.ts'
import { answerErrors, createApp } from '../../../services/shared/web-app.ts'
import { type Reply, request } from '../../harness/request.ts'
import { onEnd, type Teardown } from '../../harness/teardown.ts'

/** The part of the service that judges pictures, on a socket of its own: it needs no database. */
export interface QualityApp {
  readonly url: string
  check(image: unknown): Promise<Reply & { json: Checked }>
  log(): string
}

/** What a check answers; a part of it for a refusal. */
export interface Checked {
  status: string | number
  title?: string
  engine: string
  score_kind: string
  quality_score: number
  quality_share: number
  quality_level: string
  threshold_met: boolean
  message: string
  parts: { name: string; level: string; score: number; advice?: string }[]
}

export async function startQuality(t: Teardown, engine: QualityEngine): Promise<QualityApp> {
  const { log, text } = quietLog()
  const app = createApp(log)
  app.use(qualityRoutes(engine, log))
  answerErrors(app, log)
  const server = createServer(app)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  onEnd(t, () => {
    server.closeAllConnections()
    server.close()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    url,
    log: text,
    async check(image) {
      const reply = await request(`${url}/api/quality/check`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ image }),
        timeout: 30_000,
      })
      return { ...reply, json: JSON.parse(reply.text) as Checked }
    },
  }
}

export function tritonEngine(url: string, more: Partial<TritonSettings> = {}) {
  const { log, text } = quietLog()
  const settings = { model: 'efficient_fiqa', tensors: 'binary', timeout: 5_000, batch: 8, ...more } as const
  const cuts = { good: 0.7, acceptable: 0.5 }
  return { engine: createTritonEngine({ url, cuts, log, ...settings }), log: text }
}

function quietLog() {
  const stream = new PassThrough()
  let text = ''
  stream.on('data', (piece) => {
    text += piece
  })
  return { log: createLogger({ service: 'camera', stream }), text: () => text }
}
