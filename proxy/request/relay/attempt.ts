import type { Readable } from 'node:stream'
import type { Target, Upstream } from '../../upstreams/upstream.ts'
import type { Exchange } from '../exchange.ts'
import type { Facts } from '../facts.ts'
import type { Route } from '../match/route.ts'
import type { Failure } from './failure.ts'
import type { Framing } from './request-body.ts'

/** An exchange with everything that its relay needs to know, whatever the number of attempts. */
export interface Relay {
  readonly exchange: Exchange
  readonly route: Route
  readonly facts: Facts
  readonly upstream: Upstream
  readonly key: string | undefined
  readonly framing: Framing
  /** The request's body, if it has one. One for all attempts: a second reader would steal from the first. */
  readonly body: Readable | undefined
  /** The client was told to send its body (RFC 9110 §10.1.1). Once, however many targets are asked. */
  invited: boolean
  readonly tried: Target[]
  /** The cookie that brings the client back to the target that is asked now. */
  stick?: string
  readonly retried: (service: string) => void
}

/** What an attempt tells the relay: at most one of `answered` and `failed`, and always `ended`. */
export interface Outcome {
  answered(): void
  failed(failure: Failure): void
  ended(): void
}
