import type { DeviceRequest, DeviceResponse } from '../isapi/carrier.ts'

/**
 * What passes between the service and an agent, a binary WebSocket message each: the length of the head as four bytes,
 * the head as JSON, the body as it is.
 */
export type Frame =
  | {
      readonly is: 'ask'
      readonly id: number
      readonly ask: Omit<DeviceRequest, 'body'>
      readonly body: Buffer
    }
  | {
      readonly is: 'answer'
      readonly id: number
      readonly answer: Omit<DeviceResponse, 'body'>
      readonly body: Buffer
    }
  /** The device did not answer, and why; or the agent would not ask it. */
  | { readonly is: 'away'; readonly id: number; readonly why: string; readonly body: Buffer }

/** Longer than any picture of a face, and than any answer that is taken from a device. */
export const longestFrame = 8 << 20

export function encodeFrame({ body, ...head }: Frame): Buffer {
  const words = Buffer.from(JSON.stringify(head))
  const size = Buffer.alloc(4)
  size.writeUInt32BE(words.length)
  return Buffer.concat([size, words, body])
}

/** Undefined for what is none. */
export function decodeFrame(message: Buffer): Frame | undefined {
  if (message.length < 4) return undefined
  const end = 4 + message.readUInt32BE(0)
  if (end > message.length) return undefined
  try {
    const head = JSON.parse(message.toString('utf8', 4, end)) as Partial<Frame>
    const body = message.subarray(end)
    if (!Number.isSafeInteger(head.id)) return undefined
    if (head.is === 'away' && typeof head.why === 'string') return { ...head, body } as Frame
    if (head.is === 'ask' && isAsk(head.ask)) return { ...head, body } as Frame
    if (head.is === 'answer' && isAnswer(head.answer)) return { ...head, body } as Frame
  } catch {}
  return undefined
}

// --- internal ---

function isAsk(ask: Partial<DeviceRequest> | undefined): boolean {
  const { base, method = '', path, headers, timeout } = ask ?? {}
  return (
    typeof base === 'string' &&
    /^(GET|POST|PUT|DELETE)$/.test(method) &&
    typeof path === 'string' &&
    typeof headers === 'object' &&
    headers !== null &&
    Object.values(headers).every((value) => typeof value === 'string') &&
    typeof timeout === 'number'
  )
}

function isAnswer(answer: Partial<DeviceResponse> | undefined): boolean {
  const { status, type, challenges } = answer ?? {}
  return (
    Number.isInteger(status) &&
    typeof type === 'string' &&
    Array.isArray(challenges) &&
    challenges.every((each) => typeof each === 'string')
  )
}
