import { plainBody } from '../upstreams/plain.ts'
import { type KeptConnection, openConnection } from './kept-connection.ts'
import type { Response } from './response-reader.ts'
import { atRate } from './schedule.ts'

export interface OpenLoopOptions {
  readonly port: number
  /** Requests in a second. */
  readonly rate: number
  readonly seconds: number
  /** Fields of the request with that number, each with its line end. */
  readonly headers?: (index: number) => string
}

export interface OpenLoopOutcome {
  readonly requests: number
  /** Requests that got no right answer, and the first reason. */
  readonly failed: number
  readonly firstFailure?: string
  /** How often one was asked again because its kept connection was closed before a byte came back. */
  readonly repeated: number
  /** Milliseconds of each right answer. */
  readonly latencies: readonly number[]
}

interface Turn {
  readonly head: string
  readonly dueAt: number
}

/**
 * HTTP/1.1 requests at a fixed rate, which slow answers do not slow down: the clock of each starts when it is due,
 * also if it must wait for one of the 32 kept connections. A client that waits for an answer before it asks again
 * would leave out just those requests that a stall delays.
 */
export async function openLoop({
  port,
  rate,
  seconds,
  headers = () => '',
}: OpenLoopOptions): Promise<OpenLoopOutcome> {
  const count = Math.round(rate * seconds)
  const outcome = { requests: count, failed: 0, repeated: 0, latencies: [] as number[], firstFailure: '' }
  const waiting: Turn[] = []
  const idle = new Set<(turn: Turn) => void>()
  const connections = Array.from({ length: 32 }, openLine)

  await atRate(rate, count, (index) => {
    const head = `GET / HTTP/1.1\r\nHost: localhost\r\n${headers(index)}\r\n`
    ask({ head, dueAt: performance.now() })
  })
  const patience = performance.now() + 10_000
  while (outcome.latencies.length + outcome.failed < count && performance.now() < patience)
    await new Promise((resolve) => setTimeout(resolve, 5))
  for (const connection of connections) connection.close()
  const lost = count - outcome.latencies.length - outcome.failed
  if (lost > 0) outcome.firstFailure ||= 'no answer'
  return { ...outcome, failed: outcome.failed + lost, firstFailure: outcome.firstFailure || undefined }

  function ask(turn: Turn): void {
    const [take] = idle
    if (!take) {
      waiting.push(turn)
      return
    }
    idle.delete(take)
    take(turn)
  }

  function openLine(): KeptConnection {
    let current: Turn | undefined
    const take = (turn: Turn) => {
      current = turn
      connection.send(turn.head)
    }
    const connection = openConnection(port, {
      ready() {
        const turn = waiting.shift()
        if (turn) take(turn)
        else idle.add(take)
      },
      away: () => idle.delete(take),
      answered(response) {
        const fault = faultOf(response)
        if (fault !== undefined) fail(fault)
        else if (current) outcome.latencies.push(performance.now() - current.dueAt)
      },
      failed(reason, untouched) {
        const turn = current
        if (!turn || !untouched) return fail(reason)
        outcome.repeated++
        ask(turn)
      },
    })
    return connection
  }

  function fail(reason: string): void {
    outcome.failed++
    outcome.firstFailure ||= reason
  }
}

function faultOf({ status, body }: Response): string | undefined {
  if (status !== 200) return `status ${status}`
  return body.toString('latin1') === plainBody ? undefined : 'another body'
}
