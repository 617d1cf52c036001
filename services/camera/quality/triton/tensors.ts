import { z } from 'zod'
import { EngineFault } from '../engine.ts'

/** The KServe v2 protocol over HTTP, as bytes: what is asked of a model and what it answered. No sockets. */

export interface Model {
  readonly name: string
  readonly input: string
  readonly output: string
  /** Pixels of a side of the square it looks at. */
  readonly side: number
}

export interface Inference {
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

export type TensorForm = 'binary' | 'json'

const lengthField = 'inference-header-content-length'

/** What ImageNet's pictures are on average, red, green, blue: networks trained on them expect it taken off. */
const mean = [0.485, 0.456, 0.406] as const
const deviation = [0.229, 0.224, 0.225] as const

/** RGB bytes, pixel by pixel, as normalised floats, colour by colour (CHW). */
export function normalise(pixels: Uint8Array): Float32Array {
  const plane = pixels.length / 3
  const tensor = new Float32Array(pixels.length)
  for (let colour = 0; colour < 3; colour++) {
    const [scale, shift] = [1 / 255 / deviation[colour as 0], mean[colour as 0] / deviation[colour as 0]]
    for (let at = 0; at < plane; at++)
      tensor[colour * plane + at] = (pixels[at * 3 + colour] as number) * scale - shift
  }
  return tensor
}

const described = z.object({
  name: z.string(),
  inputs: z.array(z.object({ name: z.string(), datatype: z.string(), shape: z.array(z.number()) })),
  outputs: z.array(z.object({ name: z.string(), datatype: z.string(), shape: z.array(z.number()) })),
})

/**
 * Reads what `GET /v2/models/{name}` answered. Throws an EngineFault if that is not a model which takes batches of RGB
 * squares and answers one number for each: another one would answer as well, and nobody would see that it is nonsense.
 */
export function readModel(name: string, answer: unknown): Model {
  const parsed = described.safeParse(answer)
  if (!parsed.success) throw unfit('its description cannot be read')
  const { inputs, outputs } = parsed.data
  const [input, output] = [inputs[0], outputs[0]]
  if (parsed.data.name !== name) throw unfit(`it is called ${JSON.stringify(parsed.data.name.slice(0, 80))}`)
  if (!input || !output || inputs.length > 1 || outputs.length > 1)
    throw unfit(`it has ${inputs.length} inputs and ${outputs.length} outputs instead of one each`)
  const [batch, colours, height = 0, width] = input.shape
  const isSquares =
    input.shape.length === 4 &&
    batch === -1 &&
    colours === 3 &&
    height === width &&
    height >= 16 &&
    height <= 1024
  if (input.datatype !== 'FP32' || !isSquares)
    throw unfit(`its input is ${input.datatype} [${input.shape}] instead of FP32 [-1,3,side,side]`)
  if (output.datatype !== 'FP32' || !/^-1(,1)?$/.test(output.shape.join()))
    throw unfit(`its output is ${output.datatype} [${output.shape}] instead of FP32 [-1,1]`)
  return { name, input: input.name, output: output.name, side: height }
}

/** The request for a batch of tensors. */
export function writeInference(model: Model, tensors: readonly Float32Array[], form: TensorForm): Inference {
  const shape = [tensors.length, 3, model.side, model.side]
  const described = { name: model.input, shape, datatype: 'FP32' }
  if (form === 'json') {
    const data = tensors.flatMap((tensor) => Array.from(tensor))
    const body = Buffer.from(
      JSON.stringify({ inputs: [{ ...described, data }], outputs: [{ name: model.output }] }),
    )
    return { headers: { 'content-type': 'application/json' }, body }
  }
  const raw = tensors.map((tensor) => Buffer.from(tensor.buffer, tensor.byteOffset, tensor.byteLength))
  const size = raw.reduce((sum, { length }) => sum + length, 0)
  const head = Buffer.from(
    JSON.stringify({
      inputs: [{ ...described, parameters: { binary_data_size: size } }],
      outputs: [{ name: model.output, parameters: { binary_data: true } }],
    }),
  )
  return {
    headers: { 'content-type': 'application/octet-stream', [lengthField]: String(head.length) },
    body: Buffer.concat([head, ...raw]),
  }
}

const answered = z.object({
  model_name: z.string(),
  outputs: z.array(
    z.object({
      name: z.string(),
      datatype: z.string(),
      shape: z.array(z.number()),
      data: z.array(z.unknown()).optional(),
      parameters: z.object({ binary_data_size: z.number().int().min(0).optional() }).optional(),
    }),
  ),
})

/**
 * The numbers of an answer, one for each of `count` pictures. A server may answer in JSON to a binary question, so it is
 * read by what it says of itself. Throws an EngineFault unless it is exactly that many finite numbers.
 */
export function readInference(
  model: Model,
  count: number,
  { lengthOfHead, body }: { lengthOfHead: string | undefined; body: Buffer },
): number[] {
  const headSize = lengthOfHead === undefined ? body.length : Number(lengthOfHead)
  if (!Number.isInteger(headSize) || headSize < 1 || headSize > body.length)
    throw nonsense('its head has an impossible length')
  const parsed = answered.safeParse(jsonIn(body.subarray(0, headSize)))
  const output = parsed.data?.outputs.find(({ name }) => name === model.output)
  if (!output) throw nonsense('it has no output of that name')
  if (output.datatype !== 'FP32' || !new RegExp(`^${count}(,1)?$`).test(output.shape.join()))
    throw nonsense(
      `it is ${output.datatype.slice(0, 20)} [${output.shape.slice(0, 8)}] for ${count} pictures`,
    )
  const size = output.parameters?.binary_data_size
  const numbers = size === undefined ? output.data?.flat(4) : floatsIn(body.subarray(headSize), size)
  if (numbers?.length !== count || !numbers.every((number) => Number.isFinite(number)))
    throw nonsense('it does not hold a number for each picture')
  return numbers as number[]
}

/** Name of the field that says how long the JSON in front of raw tensors is. */
export const headLengthField = lengthField

// --- internal ---

function floatsIn(raw: Buffer, size: number): number[] | undefined {
  if (raw.length !== size || size % 4 !== 0) return undefined
  return Array.from({ length: size / 4 }, (_, at) => raw.readFloatLE(at * 4))
}

function jsonIn(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString())
  } catch {
    return undefined
  }
}

function unfit(why: string): EngineFault {
  return new EngineFault('wrong', 'The quality model is not the one that is expected', why)
}

function nonsense(why: string): EngineFault {
  return new EngineFault('wrong', 'The quality model gave an answer that makes no sense', why)
}
