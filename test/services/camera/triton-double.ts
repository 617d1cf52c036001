import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { onEnd, type Teardown } from '../../harness/teardown.ts'

/**
 * A server of the KServe v2 protocol as Triton speaks it over HTTP, with one model whose score is the brightness of the
 * picture: its tensor, with ImageNet's normalisation taken back, on average. So a test can tell whether the right
 * numbers came, in the right order.
 */
export interface TritonDouble {
  readonly url: string
  /** Pictures in each inference, in the order in which they were answered. */
  readonly batches: number[]
  /** How each inference arrived. */
  readonly forms: ('binary' | 'json')[]
  /** Everything that was asked for. */
  readonly paths: string[]
  behaviour: Behaviour
  stop(): Promise<void>
}

export interface Behaviour {
  ready?: number
  /** Takes every question and answers none. */
  silent?: boolean
  modelReady?: number
  metadata?: (good: object) => { status?: number; body?: object | string }
  /** Takes over an inference, and answers true if it did. */
  infer?: (response: ServerResponse, request: IncomingMessage, count: number) => boolean | Promise<boolean>
  /** Changes the answer before it is written as JSON. */
  answer?: (good: Answer) => object
  /** Milliseconds that an inference takes. */
  takes?: number
  /** As max_batch_size of the model's configuration. */
  largest?: number
  /** Answers JSON whatever was asked for. */
  onlyJson?: boolean
}

export interface Answer {
  model_name: string
  model_version: string
  outputs: { name: string; datatype: string; shape: number[]; data?: unknown[]; parameters?: object }[]
}

const side = 352
const means = [0.485, 0.456, 0.406]
const deviations = [0.229, 0.224, 0.225]

export async function startTriton(t: Teardown, behaviour: Behaviour = {}): Promise<TritonDouble> {
  const sockets = new Set<Socket>()
  const double = { batches: [], forms: [], paths: [], behaviour } as unknown as {
    -readonly [K in keyof TritonDouble]: TritonDouble[K]
  }
  const server = createServer((request, response) => {
    double.paths.push(`${request.method} ${request.url}`)
    answer(request, response).catch(() => response.destroy())
  })
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { ready = 200, modelReady = 200, metadata } = double.behaviour
    const body = await buffer(request)
    if (double.behaviour.silent) return
    if (request.url === '/v2/health/ready') return send(response, ready, '')
    if (request.url === '/v2/models/efficient_fiqa/ready')
      return send(response, modelReady, modelReady === 200 ? '' : { error: 'Model version not ready' })
    if (request.url === '/v2/models/efficient_fiqa') {
      const { status = 200, body = description } = metadata?.(structuredClone(description)) ?? {}
      return send(response, status, body)
    }
    if (request.url === '/v2/models/efficient_fiqa/infer' && request.method === 'POST')
      return infer(request, response, body)
    send(response, 404, { error: `Request for unknown model: '${request.url?.split('/')[3]}' is not found` })
  }

  async function infer(request: IncomingMessage, response: ServerResponse, body: Buffer): Promise<void> {
    const { behaviour } = double
    const headLength = request.headers['inference-header-content-length']
    const head = headLength === undefined ? body : body.subarray(0, Number(headLength))
    const { inputs } = JSON.parse(head.toString()) as { inputs: { shape: number[]; data?: number[] }[] }
    const [count = 0, ...rest] = inputs[0]?.shape ?? []
    if (rest.join() !== `3,${side},${side}`)
      return send(response, 400, { error: `unexpected shape for input 'input', got [${rest}]` })
    const floats =
      headLength === undefined ? (inputs[0]?.data ?? []) : floatsOf(body.subarray(Number(headLength)))
    const expected = count * 3 * side * side
    if (floats.length < expected)
      return send(response, 400, {
        error: `unexpected size for input 'input', expecting ${(expected - floats.length) * 4} additional bytes`,
      })
    if (floats.length > expected) return send(response, 400, { error: 'unexpected additional input data' })
    if (count > (behaviour.largest ?? 16))
      return send(response, 400, {
        error: `inference request batch-size must be <= ${behaviour.largest ?? 16}`,
      })
    if (await behaviour.infer?.(response, request, count)) return
    await sleep(behaviour.takes ?? 0)
    double.batches.push(count)
    double.forms.push(headLength === undefined ? 'json' : 'binary')
    const scores = Array.from({ length: count }, (_, at) => brightness(floats, at))
    const good: Answer = {
      model_name: 'efficient_fiqa',
      model_version: '1',
      outputs: [{ name: 'output', datatype: 'FP32', shape: [count, 1], data: scores }],
    }
    if (headLength === undefined || behaviour.onlyJson || behaviour.answer)
      return send(response, 200, behaviour.answer?.(good) ?? good)
    sendBinary(response, good, scores)
  }

  await once(server.listen(0, '127.0.0.1'), 'listening')
  double.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  double.stop = async () => {
    if (!server.listening) return
    const closed = once(server, 'close')
    server.close()
    for (const socket of sockets) socket.destroy()
    await closed
  }
  onEnd(t, () => double.stop())
  return double
}

export function send(response: ServerResponse, status: number, body: object | string): void {
  response.writeHead(status, body === '' ? {} : { 'content-type': 'application/json' })
  response.end(typeof body === 'string' ? body : JSON.stringify(body))
}

export function sendBinary(
  response: ServerResponse,
  answer: Answer,
  scores: readonly number[],
  { claimed }: { claimed?: number } = {},
): void {
  const raw = Buffer.alloc(scores.length * 4)
  for (const [at, score] of scores.entries()) raw.writeFloatLE(score, at * 4)
  const [output] = answer.outputs
  const { data: _, ...described } = output as Answer['outputs'][number]
  const parameters = { binary_data_size: raw.length }
  const head = Buffer.from(JSON.stringify({ ...answer, outputs: [{ ...described, parameters }] }))
  response.writeHead(200, {
    'content-type': 'application/octet-stream',
    'inference-header-content-length': String(claimed ?? head.length),
  })
  response.end(Buffer.concat([head, raw]))
}

// --- internal ---

const description = {
  name: 'efficient_fiqa',
  versions: ['1'],
  platform: 'tensorrt_plan',
  inputs: [{ name: 'input', datatype: 'FP32', shape: [-1, 3, side, side] }],
  outputs: [{ name: 'output', datatype: 'FP32', shape: [-1, 1] }],
}

function floatsOf(bytes: Buffer): Float32Array {
  const copy = new Uint8Array(bytes)
  return new Float32Array(copy.buffer, 0, copy.length >> 2)
}

function brightness(floats: ArrayLike<number>, at: number): number {
  const plane = side * side
  let sum = 0
  for (let colour = 0; colour < 3; colour++) {
    let mean = 0
    const start = (at * 3 + colour) * plane
    for (let index = start; index < start + plane; index++) mean += floats[index] as number
    sum += (mean / plane) * (deviations[colour] as number) + (means[colour] as number)
  }
  return sum / 3
}
