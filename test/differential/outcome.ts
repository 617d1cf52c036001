import { eventually } from '../harness/eventually.ts'
import { rawRequest } from '../harness/raw-request.ts'
import type { Case } from './corpus/case.ts'
import type { Arrived, RecordedLane } from './recorder.ts'

/** What became of one case at one contender. */
export interface Outcome {
  /** Statuses that the client got, in order, 1xx too. */
  readonly statuses: readonly number[]
  /** It got bytes that were no HTTP/1 response. */
  readonly bare: boolean
  /** The proxy ended the connection. */
  readonly closed: boolean
  /** Requests that the upstream got, in order. */
  readonly arrived: readonly Arrived[]
  /** Numbers of the upstream's answers that the client got, in order. */
  readonly answers: readonly number[]
  /** What is wrong with what the next client got, if anything. */
  readonly next: string | undefined
}

/** Milliseconds without a byte after which nothing more is expected, once something came and before. */
export interface Patience {
  readonly idle: number
  readonly silence: number
}

/** Sends the bytes of a case on a connection of its own, then a plain request on another. */
export async function tryCase(
  { plain, recorder }: RecordedLane,
  each: Case,
  patience: Patience,
): Promise<Outcome> {
  recorder.arrived.splice(0)
  const pauses = [each.bytes]
    .flat()
    .reduce((sum: number, piece) => sum + (typeof piece === 'number' ? piece : 0), 0)
  const reply = await rawRequest(plain, each.bytes, {
    idle: patience.idle + pauses,
    timeout: patience.silence + pauses,
  })
  const next = await askNext(plain, recorder.arrived)
  return {
    statuses: reply.statuses,
    bare: reply.text !== '' && reply.statuses.length === 0,
    closed: reply.ended,
    answers: [...reply.text.matchAll(/answer (\d+);/g)].map((found) => Number(found[1])),
    arrived: recorder.arrived.splice(0).filter(({ target }) => target !== probe),
    next,
  }
}

export const probe = '/next-client'

export async function askNext(port: number, arrived: readonly Arrived[]): Promise<string | undefined> {
  const bytes = `GET ${probe} HTTP/1.1\r\nHost: localhost\r\n\r\n`
  const { text, statuses } = await rawRequest(port, bytes, { until: /answer \d+;/, idle: 3000 })
  if (statuses[0] !== 200) return `it got ${JSON.stringify(text.slice(0, 60))}`
  const own = await eventually(() => arrived.find(({ target }) => target === probe), {
    timeout: 5_000,
  }).catch(() => undefined)
  return text.endsWith(`answer ${own?.number};`) ? undefined : 'it got the answer of another request'
}

/** An outcome in a line: `400 closed` or `200 · POST /a chunked "hello"`. */
export function describe(outcome: Outcome): string {
  return [describeClient(outcome), ...outcome.arrived.map(describeArrived)].join(' · ')
}

function describeClient({ statuses, bare, closed }: Outcome): string {
  const answer = statuses.length > 0 ? repeated(statuses) : bare ? 'no status line' : 'silence'
  return closed ? `${answer}, closed` : answer
}

function describeArrived({ method, target, framing, body, whole, tunnel }: Arrived): string {
  const length = framing === 'none' ? '' : ` ${framing === 'chunked' ? framing : `length ${framing}`}`
  const content = body === '' ? '' : ` ${quote(body)}`
  return `${method} ${shorten(target)}${length}${content}${whole ? '' : ' cut'}${tunnel === '' ? '' : ` tunnel ${quote(tunnel)}`}`
}

function repeated(statuses: readonly number[]): string {
  return statuses.length > 3 && statuses.every((status) => status === statuses[0])
    ? `${statuses.length} × ${statuses[0]}`
    : statuses.join(' ')
}

function quote(text: string): string {
  return JSON.stringify(shorten(text))
}

function shorten(text: string): string {
  return text.length > 48 ? `${text.slice(0, 40)}…(${text.length})` : text
}
