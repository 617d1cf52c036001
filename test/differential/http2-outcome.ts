import { setTimeout as sleep } from 'node:timers/promises'
import { connectFrames, type Frame, flag, frameType, statusOf } from '../harness/http2-frames.ts'
import type { Teardown } from '../harness/teardown.ts'
import type { FrameCase } from './corpus/http2.ts'
import { askNext, type Outcome, type Patience, probe } from './outcome.ts'
import type { RecordedLane } from './recorder.ts'

/** Sends the frames of a case on a connection of its own, then a plain request on another, over HTTP/1.1. */
export async function tryFrames(
  t: Teardown,
  { plain, secure, recorder }: RecordedLane,
  each: FrameCase,
  patience: Patience,
): Promise<Outcome> {
  recorder.arrived.splice(0)
  const connection = await connectFrames(t, secure)
  connection.send(...each.frames)
  const end = performance.now() + patience.silence
  while (!connection.ended && !connection.frames.some(isEnd) && performance.now() < end) await sleep(5)
  const { frames, ended } = connection
  connection.socket.destroy()
  const own = frames.filter(({ stream }) => stream === 1)
  const body = Buffer.concat(own.filter(({ type }) => type === frameType.data).map(({ payload }) => payload))
  const next = await askNext(plain, recorder.arrived)
  return {
    statuses: own.map(statusOf).filter((status) => status !== undefined),
    bare: false,
    // A stream that is reset and a connection that is left are both the end of what the client asked for.
    closed: ended || frames.some(({ type }) => type === frameType.rstStream || type === frameType.goaway),
    answers: [...body.toString('latin1').matchAll(/answer (\d+);/g)].map((found) => Number(found[1])),
    arrived: recorder.arrived.splice(0).filter(({ target }) => target !== probe),
    next,
  }
}

function isEnd({ type, flags, stream }: Frame): boolean {
  if (type === frameType.goaway || type === frameType.rstStream) return true
  return (
    stream === 1 && (type === frameType.data || type === frameType.headers) && (flags & flag.endStream) !== 0
  )
}
