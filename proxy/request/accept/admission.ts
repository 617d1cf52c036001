import type { Config } from '../../config/schema.ts'
import { createWaitingLine, type WaitingLine } from './waiting-line.ts'

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
  /**
   * Counts the exchange in and answers undefined, or what there is too much of. Once per exchange. Takes time only
   * where the event loop is late; the client may have gone by then.
   */
  enter(exchange: Entrant): Overload | undefined | Promise<Overload | undefined>
  /** The response is an event stream, so the exchange lasts. Answers false if too many do; then it must end. */
  enterStream(exchange: Entrant): boolean
  /** The exchange has ended, whatever became of it. */
  leave(exchange: Entrant): void
  /** Milliseconds by which the event loop was late a moment ago. */
  readonly delay: number
  close(): void
}

/** `limits` is asked each time, so that a reload changes them. */
export function createAdmission(limits: () => Config['limits']): Admission {
  const under = { requests: 0, lasting: 0 }
  // Made with the first exchange: what only explains a table has no clock to stop.
  let line: WaitingLine | undefined

  const isFull = (place: Place): boolean =>
    place === 'requests' ? under.requests >= limits().exchanges : under.lasting >= limits().tunnels
  const refusal = (exchange: Entrant, overload: Overload): Overload => {
    exchange.overload = overload
    return overload
  }

  const admission: Admission = {
    enter(exchange) {
      const place: Place = exchange.upgrade === undefined ? 'requests' : 'lasting'
      if (isFull(place)) return refusal(exchange, place === 'requests' ? 'exchanges' : 'tunnels')
      exchange.admission = admission
      exchange.place = place
      under[place]++
      line ??= createWaitingLine(() => limits().delay)
      const turn = line.join(exchange.started)
      return turn?.then((inTime) => (inTime ? undefined : refusal(exchange, 'delay')))
    },
    enterStream(exchange) {
      if (exchange.place !== 'requests') return true
      if (isFull('lasting')) {
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
    get delay() {
      return line?.delay ?? 0
    },
    close: () => line?.close(),
  }
  return admission
}

/** What of an exchange is read and written here. */
export interface Entrant {
  readonly upgrade: unknown
  readonly started: number
  admission: Admission | undefined
  place: Place | undefined
  overload: Overload | undefined
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
  delay: 'it waited for the core longer than limits.delay allows',
}

/**
 * Seconds after which a client may try again. Not the same for all, or all that were refused in one second would
 * come back in one second.
 */
export function retryAfterOverload(): number {
  return 1 + Math.floor(Math.random() * 5)
}
