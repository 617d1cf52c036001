/**
 * What a request says about the trace that it is a part of: W3C Trace Context, level 2. Whatever is not exactly of its
 * form is no trace, and then a new one begins (§4.3): half of a foreign trace would join what does not belong together.
 */
export interface TraceContext {
  /** 32 hex digits in lower case, not all 0. */
  readonly traceId: string
  /** The span of who sent the request: 16 hex digits, not all 0. */
  readonly parentId: string
  readonly sampled: boolean
  /** The trace id was drawn by chance, so that a sampler may decide by its digits. */
  readonly random: boolean
  /** `tracestate` as one field, or an empty string. */
  readonly state: string
}

/** `raw`: name, value, name, value. Undefined if there is none, more than one, or one that is malformed. */
export function readTraceContext(raw: readonly string[]): TraceContext | undefined {
  let parent: string | undefined
  const states: string[] = []
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = (raw[i] as string).toLowerCase()
    if (name === 'traceparent') {
      if (parent !== undefined) return undefined
      parent = raw[i + 1] as string
    } else if (name === 'tracestate') states.push(raw[i + 1] as string)
  }
  const parts = parent === undefined ? undefined : traceparent.exec(parent)
  if (!parts) return undefined
  const [, version, traceId, parentId, flags, rest] = parts as unknown as string[]
  if (version === 'ff' || (version === '00' && rest !== undefined)) return undefined
  if (/^0+$/.test(traceId as string) || /^0+$/.test(parentId as string)) return undefined
  const bits = Number.parseInt(flags as string, 16)
  return {
    traceId: traceId as string,
    parentId: parentId as string,
    sampled: (bits & sampledBit) !== 0,
    random: (bits & randomBit) !== 0,
    state: readState(states),
  }
}

/** What is said to the next one, always in version 00, which everybody understands. */
export function formatTraceparent({
  traceId,
  parentId,
  sampled,
  random,
}: Omit<TraceContext, 'state'>): string {
  return `00-${traceId}-${parentId}-0${(sampled ? sampledBit : 0) | (random ? randomBit : 0)}`
}

// --- internal ---

const sampledBit = 1
const randomBit = 2

/** Later versions may go on after the flags, behind a dash (§3.2.4). */
const traceparent = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/

/** §3.3.1. A list of more is not a list, and of what is longer than this nobody has to pass on more. */
const mostMembers = 32
const longest = 512
const member =
  /^[a-z0-9][a-z0-9_*/@-]{0,255}=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/

/** The members in their order. One that is malformed spoils all of them, and the trace goes on without (§3.3). */
function readState(fields: readonly string[]): string {
  if (fields.length === 0) return ''
  const members = fields
    .join(',')
    .split(',')
    .map((text) => text.trim())
    .filter((text) => text !== '')
  const keys = new Set(members.map((text) => text.slice(0, text.indexOf('='))))
  if (members.length > mostMembers || keys.size < members.length) return ''
  if (!members.every((text) => member.test(text))) return ''
  // Those that were added last stand first, and are the ones to be kept.
  while (members.join(',').length > longest) members.pop()
  return members.join(',')
}
