import { type Branch, isBranch, readTree } from '../events/tree.ts'
import type { DeviceResponse } from './carrier.ts'

/** The device answered, and its answer was no. */
export class DeviceRefusal extends Error {
  override readonly name = 'DeviceRefusal'
  /** Its `subStatusCode`, `employeeNoAlreadyExist`; or `http-500`. */
  readonly code: string
  /** Whether the same request may succeed later. */
  readonly isPassing: boolean

  constructor(code: string, sentence: string, isPassing: boolean) {
    super(sentence)
    this.code = code
    this.isPassing = isPassing
  }
}

/** The device does not accept the name and password. It locks the account if it is asked again and again. */
export class BadCredentials extends Error {
  override readonly name = 'BadCredentials'
}

/**
 * What the device answered, as a tree; an empty one if it answered nothing. Throws a DeviceRefusal in the device's own
 * words. The status of HTTP says little: a refusal may come as 200, and the reason counts before the number.
 */
export function answerOf(response: DeviceResponse): Branch {
  const tree = treeOf(response.body)
  const status = statusIn(tree)
  if (status !== undefined && status.code !== 1 && status.code !== 7) throw refusalOf(status, response.status)
  if (response.status >= 400 && status === undefined)
    throw new DeviceRefusal(
      `http-${response.status}`,
      `the device answered ${response.status}`,
      response.status >= 500 || response.status === 429,
    )
  return tree
}

// --- internal ---

interface Status {
  readonly code: number
  readonly sub: string
  readonly text: string
  readonly message: string
}

function treeOf(body: Buffer): Branch {
  try {
    const { tree } = readTree(body)
    if (!isBranch(tree)) return {}
    const values = Object.values(tree)
    // XML has a root, and JSON now and then.
    return values.length === 1 && isBranch(values[0]) && !('statusCode' in tree)
      ? { ...tree, ...values[0] }
      : tree
  } catch {
    return {}
  }
}

function statusIn(tree: Branch): Status | undefined {
  const text = (name: string) => (Object.hasOwn(tree, name) ? String(tree[name] ?? '') : '')
  const code = Number(text('statusCode') || Number.NaN)
  if (!Number.isInteger(code)) return undefined
  return { code, sub: text('subStatusCode'), text: text('statusString'), message: text('errorMsg') }
}

/** Reasons that pass by themselves although their class does not say so. */
const passing = new Set(['faceDataModeling', 'deviceBusy', 'upgrading', 'noMemory', 'serviceUnavailable'])

function refusalOf({ code, sub, text, message }: Status, http: number): DeviceRefusal {
  const words = [...new Set([sub, message, text])].filter((each) => each !== '' && each !== 'ok')
  // 2: busy. 3: something within the device, which may be over, unless it says what about the picture was wrong.
  const isPassing =
    code === 2 ||
    passing.has(sub) ||
    (code === 3 && /^(deviceError)?$/.test(sub)) ||
    (http >= 500 && code < 2)
  return new DeviceRefusal(sub || `status-${code}`, words.join(': ') || `status ${code}`, isPassing)
}
