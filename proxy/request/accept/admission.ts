import type { Config } from '../../config/schema.ts'
import type { Exchange } from '../exchange.ts'
import { createLateness, type Lateness, tickEvery } from './lateness.ts'

/** What there is too much of: requests under way, open tunnels and event streams, or work for one core. */
export type Overload = 'exchanges' | 'tunnels' | 'delay'

/**
 * Who may come in. Past what a core can do, what is taken is answered in time, and the rest is refused before
 * anything is spent on it, instead of everything becoming slow.
 *
 * Requests and what lasts (tunnels, event streams) are counted apart: thousands of idle tunnels are no load, and
 * must not take the place of requests, nor the other way round.
 */
export interface Admission {
  /** Counts the exchange in, or answers what there is too much of. Once per exchange; costs a few nanoseconds. */
  admit(exchange: Exchange): Overload | undefined
  /** The response is an event stream, so the exchange lasts. Answers false if too many do; then it must end. */
  admitStream(exchange: Exchange): boolean
  /** The exchange has ended, whatever became of it. */
  leave(exchange: Exchange): void
  /** The time up to now went into work of our own, such as a reload. */
  excuse(): void
  /** Milliseconds by which the event loop was late a moment ago. */
  readonly delay: number
  close(): void
}

/** `limits` is asked each time, so that a reload changes them. */
export function createAdmission(limits: () => Config['limits']): Admission {
  const under = { requests: 0, lasting: 0 }
  const lateness = createLateness(() => limits().delay, performance.now())
  let clock: NodeJS.Timeout | undefined

  const fullFor = (kind: Place, started: number): Overload | undefined => {
    if (kind === 'requests' ? under.requests >= limits().exchanges : under.lasting >= limits().tunnels)
      return kind === 'requests' ? 'exchanges' : 'tunnels'
    return lateness.tooLate(started) ? 'delay' : undefined
  }

  return {
    admit(exchange) {
      clock ??= startClock(lateness)
      const kind: Place = exchange.upgrade === undefined ? 'requests' : 'lasting'
      exchange.overload = fullFor(kind, exchange.started)
      if (exchange.overload !== undefined) return exchange.overload
      exchange.admission = this
      exchange.place = kind
      under[kind]++
      return undefined
    },
    admitStream(exchange) {
      if (exchange.place !== 'requests') return true
      if (under.lasting >= limits().tunnels) {
        exchange.overload = 'tunnels'
        return false
      }
      under.requests--
      under.lasting++
      exchange.place = 'lasting'
      return true
    },
    leave(exchange) {
      if (exchange.place === undefined) return
      under[exchange.place]--
      exchange.place = undefined
    },
    excuse: () => lateness.excuse(performance.now()),
    get delay() {
      return lateness.last
    },
    close: () => clearInterval(clock),
  }
}

function startClock(lateness: Lateness): NodeJS.Timeout {
  lateness.excuse(performance.now())
  return setInterval(() => lateness.tick(performance.now()), tickEvery).unref()
}

/** What an exchange is counted as. */
export type Place = 'requests' | 'lasting'

/** For the log: what there was too much of. */
export function explainOverload(overload: Overload): string {
  return explanations[overload]
}

const explanations: Readonly<Record<Overload, string>> = {
  exchanges: 'as many requests are under way as limits.exchanges allows',
  tunnels: 'as many tunnels and event streams are open as limits.tunnels allows',
  delay: 'the event loop is later than limits.delay allows',
}

/**
 * Seconds after which a client may try again. Not the same for all, or all that were refused in one second would
 * come back in one second.
 */
export function retryAfterOverload(): number {
  return 1 + Math.floor(Math.random() * 5)
}
