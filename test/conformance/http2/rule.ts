import { setTimeout as sleep } from 'node:timers/promises'
import { type FrameConnection, flag, frameType, ping, statusOf } from '../../harness/http2-frames.ts'
import type { Judged } from '../row.ts'

/** Error codes of RFC 9113 §7. */
export const code = {
  protocolError: 1,
  flowControlError: 3,
  streamClosed: 5,
  frameSizeError: 6,
  refusedStream: 7,
  compressionError: 9,
} as const

/** What a peer that keeps to the standard does. Codes are those that the section allows. */
export type Want =
  | { readonly connectionError: readonly number[] }
  /** A stream error, for which a connection error may stand (§5.4.2), and an error response too (§8.1.1). */
  | { readonly streamError: readonly number[]; readonly stream?: number }
  /** The stream is answered 200 to its end, and the connection lives. */
  | { readonly served: number }
  /** The connection lives, and nothing is reset. */
  | 'lives on'

/** Frames that are sent behind the preface and SETTINGS, and what has to come of them. */
export interface FrameRule {
  readonly section: string
  readonly says: string
  readonly send: readonly Buffer[]
  readonly want: Want
  /** Why Gatehouse does not keep it, where that cannot be mended here. */
  readonly known?: string
}

/** Something that takes more than sending and looking. Answers what is wrong, or undefined. */
export interface FrameScript {
  readonly section: string
  readonly says: string
  /** Neither preface nor SETTINGS have been sent. */
  readonly silent?: boolean
  play(connection: FrameConnection): Promise<string | undefined>
}

interface Seen {
  goaway: number | undefined
  ended: boolean
  alive: boolean
  resets: ReadonlyMap<number, number>
  statuses: ReadonlyMap<number, number>
  finished: ReadonlySet<number>
}

const probe = 'conform!'

/** Sends the frames and a PING behind them, waits until it is clear what came of it, and judges that. */
export async function judgeRule(connection: FrameConnection, { send, want }: FrameRule): Promise<Judged> {
  connection.send(...send, ping(probe))
  const end = performance.now() + 2000
  let seen = look(connection)
  while (!isClear(seen, want) && performance.now() < end) {
    await sleep(10)
    seen = look(connection)
  }
  // What comes right behind it counts as well.
  await sleep(30)
  return judge(look(connection), want)
}

function look({ frames, ended }: FrameConnection): Seen {
  const resets = new Map<number, number>()
  const statuses = new Map<number, number>()
  const finished = new Set<number>()
  let goaway: number | undefined
  let alive = false
  for (const frame of frames) {
    const { type, flags, stream, payload } = frame
    if (type === frameType.goaway) goaway = payload.readUInt32BE(4)
    if (type === frameType.rstStream) resets.set(stream, payload.readUInt32BE(0))
    if (type === frameType.ping && flags & flag.ack && payload.toString() === probe) alive = true
    const status = statusOf(frame)
    if (status !== undefined) statuses.set(stream, status)
    if ((type === frameType.headers || type === frameType.data) && flags & flag.endStream)
      finished.add(stream)
  }
  return { goaway, ended, alive: alive && !ended, resets, statuses, finished }
}

function isClear(seen: Seen, want: Want): boolean {
  if (seen.ended) return true
  if (want === 'lives on') return seen.alive
  if ('served' in want) return seen.finished.has(want.served) && seen.alive
  if ('streamError' in want)
    return seen.resets.size > 0 || (seen.alive && seen.finished.has(want.stream ?? 1))
  return false
}

function judge(seen: Seen, want: Want): Judged {
  const { goaway, ended, alive, resets, statuses } = seen
  const shown = show(seen)
  const right: Judged = { grade: 'right', seen: shown }
  const tolerable: Judged = { grade: 'tolerable', seen: shown }
  const wrong: Judged = { grade: 'wrong', seen: shown }
  const left = ended || (goaway !== undefined && goaway !== 0)
  if (want === 'lives on') return alive && !left && resets.size === 0 ? right : wrong
  if ('served' in want)
    return alive && !left && statuses.get(want.served) === 200 && seen.finished.has(want.served)
      ? right
      : wrong
  if ('connectionError' in want) {
    if (goaway !== undefined && want.connectionError.includes(goaway)) return right
    return left ? tolerable : wrong
  }
  const stream = want.stream ?? 1
  const reset = resets.get(stream)
  if (reset !== undefined && want.streamError.includes(reset)) return right
  if (goaway !== undefined && want.streamError.includes(goaway)) return right
  const refused = (statuses.get(stream) ?? 0) >= 400
  if (refused) return right
  return left || reset !== undefined ? tolerable : wrong
}

const names = [
  'NO_ERROR',
  'PROTOCOL_ERROR',
  'INTERNAL_ERROR',
  'FLOW_CONTROL_ERROR',
  'SETTINGS_TIMEOUT',
  'STREAM_CLOSED',
  'FRAME_SIZE_ERROR',
  'REFUSED_STREAM',
  'CANCEL',
  'COMPRESSION_ERROR',
  'CONNECT_ERROR',
  'ENHANCE_YOUR_CALM',
]

function show({ goaway, ended, alive, resets, statuses }: Seen): string {
  const words: string[] = []
  for (const [stream, status] of statuses) words.push(`${status} on ${stream}`)
  for (const [stream, reset] of resets) words.push(`RST_STREAM ${names[reset] ?? reset} on ${stream}`)
  if (goaway !== undefined) words.push(`GOAWAY ${names[goaway] ?? goaway}`)
  if (ended) words.push('closed')
  else if (alive) words.push('lives on')
  return words.join(', ') || 'silence'
}
