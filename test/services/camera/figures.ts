import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { localEngine } from '../../../services/camera/quality/local.ts'
import type { Teardown } from '../../harness/teardown.ts'
import { startPostgres } from '../postgres.ts'
import { chunksOf, openSession, sendUntilTaken, someRecording } from './client.ts'
import { drawing } from './pictures.ts'
import { startQuality, tritonEngine } from './quality-app.ts'
import { startCamera } from './service.ts'
import { send, sendBinary, startTriton } from './triton-double.ts'

/** What the camera service takes in, on this machine: `node test/services/camera/figures.ts`. */

const undos: (() => void | Promise<void>)[] = []
const t: Teardown = { after: (undo) => void undos.push(undo) }
const MiB = 1024 ** 2

try {
  const postgres = await startPostgres(t)
  await measureUploads('embedded database', {})
  await measureUploads('postgres', { DATABASE_URL: postgres.url })
  await measureChecks()
} finally {
  for (const undo of undos.reverse()) await undo()
}

/** Twenty recordings of 20 MiB at once, in chunks of 1 MiB, straight to the service. */
async function measureUploads(name: string, env: NodeJS.ProcessEnv): Promise<void> {
  const service = await startCamera(t, { env })
  const idle = memoryOf(service.child.pid)
  const bytes = someRecording(20 * MiB)
  const clients = await Promise.all(Array.from({ length: 20 }, () => openSession(() => service.url)))
  const began = performance.now()
  await Promise.all(
    clients.map(async (client) => {
      for (const [index, chunk] of chunksOf(bytes, MiB).entries())
        await sendUntilTaken(client, 'one', chunk, { index, total: 20, form: { chunk_size: String(MiB) } })
    }),
  )
  const seconds = (performance.now() - began) / 1000
  const memory = memoryOf(service.child.pid)
  console.log(
    `uploads, ${name}: ${((20 * 20) / seconds).toFixed(1)} MiB/s; service ${idle.now} MiB idle, ${memory.peak} MiB at most`,
  )
  await service.kill()
}

async function measureChecks(): Promise<void> {
  const image = await drawing({ size: 1280 })
  await rate('local', (await startQuality(t, localEngine)).check, image)
  // As long for an inference with many pictures as for one: that is what batches are for.
  const triton = await startTriton(t, {
    async infer(response, request, count) {
      await sleep(200)
      const outputs = [{ name: 'output', datatype: 'FP32', shape: [count, 1] }]
      const answer = { model_name: 'efficient_fiqa', model_version: '1', outputs }
      const scores = Array.from({ length: count }, () => 0.5)
      const isBinary = request.headers['inference-header-content-length'] !== undefined
      if (isBinary) sendBinary(response, answer, scores)
      else send(response, 200, { ...answer, outputs: [{ ...outputs[0], data: scores }] })
      return true
    },
  })
  for (const tensors of ['binary', 'json'] as const)
    for (const batch of [1, 8]) {
      const { engine } = tritonEngine(triton.url, { tensors, batch, timeout: 20_000 })
      await rate(`triton, ${tensors}, batches of ${batch}`, (await startQuality(t, engine)).check, image)
    }
}

/** Sixteen who ask again as soon as they have an answer, for six seconds. */
async function rate(name: string, check: (image: string) => Promise<{ status: number }>, image: string) {
  await check(image)
  const before = process.cpuUsage()
  const end = performance.now() + 6_000
  let good = 0
  let refused = 0
  await Promise.all(
    Array.from({ length: 16 }, async () => {
      while (performance.now() < end) {
        if ((await check(image)).status === 200) good++
        else refused++
      }
    }),
  )
  const { user, system } = process.cpuUsage(before)
  const cost = ((user + system) / 1000 / Math.max(1, good)).toFixed(0)
  console.log(
    `checks, ${name}: ${(good / 6).toFixed(1)} a second, ${refused} refused, ${cost} ms of processor each`,
  )
}

function memoryOf(pid = 0): { now: number; peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const of = (field: string) => Math.round(Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1]) / 1024)
  return { now: of('VmRSS'), peak: of('VmHWM') }
}
