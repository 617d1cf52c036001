import { parentPort, workerData } from 'node:worker_threads'
import sharp from 'sharp'
import { writePicture } from '../../uploads/formats.ts'
import type { Message, Order } from './index.ts'
import { bytesOf, decodePicture } from './picture.ts'
import { isLeftOut, steps } from './steps.ts'

/** One restoration, in a thread of its own: the event loop serves others meanwhile. */

const order = workerData as Order
// The thread is one already; more for each picture would only take turns.
sharp.concurrency(1)
sharp.cache(false)

let picture = await decodePicture(order.source.path)
const notes: string[] = []
const settings = steps.map((step) => ({ step, setting: order.settings[step.name] ?? 0 }))
const asked = settings.filter(({ step, setting }) => !isLeftOut(step.name, setting))
for (const [index, { step, setting }] of asked.entries()) {
  tell({ kind: 'progress', step: step.title, done: (index + 0.2) / (asked.length + 1) })
  const { width, height } = picture
  if (step.name === 'upscale' && width * height * setting ** 2 > order.mostPixels) {
    notes.push(`The picture was not enlarged: it has ${width} × ${height} pixels already.`)
    continue
  }
  const began = performance.now()
  picture = step.apply(picture, setting)
  tell({ kind: 'took', step: step.name, seconds: (performance.now() - began) / 1000 })
}
tell({ kind: 'progress', step: 'Saving', done: asked.length / (asked.length + 1) })
const saving = performance.now()
const { width, height } = picture
const raw = sharp(bytesOf(picture), { raw: { width, height, channels: 3 } })
await writePicture(raw, order.source.type, order.target)
tell({ kind: 'took', step: 'save', seconds: (performance.now() - saving) / 1000 })
tell({ kind: 'done', outcome: { type: order.source.type, width, height, notes } })

function tell(message: Message): void {
  parentPort?.postMessage(message)
}
