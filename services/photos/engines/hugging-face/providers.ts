import { setTimeout as sleep } from 'node:timers/promises'
import { call, callForJson, type Hub } from './call.ts'
import { fetchResult } from './fetch-result.ts'
import { noPicture, Setback } from './setback.ts'

/** A picture and what is to be done with it. */
export interface Request {
  /** What the provider calls the model. */
  readonly model: string
  readonly picture: Buffer
  readonly mediaType: string
  readonly parameters: Readonly<Record<string, unknown>>
  readonly signal: AbortSignal
}

/** Answers the bytes of a picture, not yet looked at. Throws a Setback. */
export type Provider = (hub: Hub, request: Request) => Promise<Buffer>

/** Each provider of the hub has an interface of its own behind one host. */
export const providers: Readonly<Record<'hf-inference' | 'fal-ai' | 'replicate', Provider>> = {
  /** The bytes as they are, or JSON if there is anything to say; the answer is a picture. Inference Endpoints are alike. */
  async 'hf-inference'(hub, { model, picture, mediaType, parameters, signal }) {
    const isPlain = Object.keys(parameters).length === 0
    const { body, type } = await call(hub, `/hf-inference/models/${model}`, {
      body: isPlain ? picture : JSON.stringify({ inputs: picture.toString('base64'), parameters }),
      headers: { 'content-type': isPlain ? mediaType : 'application/json', accept: 'image/png' },
      signal,
    })
    if (/json|html|text/.test(type)) throw noPicture(`${type}: ${body.toString('utf8', 0, 200)}`)
    return body
  },

  /** A queue: asked until it is done. */
  async 'fal-ai'(hub, { model, picture, mediaType, parameters, signal }) {
    const path = `/fal-ai/${model}`
    const image = dataUrl(picture, mediaType)
    const json = { ...parameters, image_url: image, image_urls: [image] }
    const queued = (await callForJson(hub, `${path}?_subdomain=queue`, { json, signal })) as Record<
      string,
      unknown
    >
    const id = queued.request_id
    if (typeof id !== 'string' || !/^[\w-]{1,100}$/.test(id)) throw noPicture('no request_id')
    const requestPath = `${baseOf(path)}/requests/${id}`
    await untilDone(hub, signal, async () => {
      const answer = await callForJson(hub, `${requestPath}/status?_subdomain=queue`, {
        method: 'GET',
        signal,
      })
      const { status } = answer as { status?: string }
      if (status === 'FAILED' || status === 'ERROR') throw noPicture('the queue says that it failed')
      return status === 'COMPLETED'
    })
    const result = await callForJson(hub, `${requestPath}?_subdomain=queue`, { method: 'GET', signal })
    const { images } = result as { images?: { url?: unknown }[] }
    return fetchResult(hub, images?.[0]?.url, signal)
  },

  /** Waits a minute by itself. */
  async replicate(hub, { model, picture, mediaType, parameters, signal }) {
    const image = dataUrl(picture, mediaType)
    const answer = (await callForJson(hub, `/replicate/v1/models/${model}/predictions`, {
      headers: { prefer: 'wait' },
      json: { input: { ...parameters, input_image: image, image } },
      signal,
    })) as { output?: unknown; error?: unknown }
    if (answer.error) throw noPicture(String(answer.error).slice(0, 200))
    if (answer.output === null || answer.output === undefined)
      throw new Setback(504, 'The model took too long. Try again, or choose another model.')
    return fetchResult(hub, [answer.output].flat()[0], signal)
  },
}

// --- internal ---

function dataUrl(picture: Buffer, mediaType: string): string {
  return `data:${mediaType};base64,${picture.toString('base64')}`
}

/** Requests live under the first two parts of a model's name: `fal-ai/fal-ai/flux-kontext` for `…/flux-kontext/dev`. */
function baseOf(path: string): string {
  return path.split('/').slice(0, 4).join('/')
}

/** Asks twice a second, for as long as one call may take. */
async function untilDone(hub: Hub, signal: AbortSignal, isDone: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + hub.timeout
  while (!(await isDone())) {
    if (Date.now() > end)
      throw new Setback(504, 'The model took too long. Try again, or choose another model.')
    await sleep(500, undefined, { signal })
  }
}
