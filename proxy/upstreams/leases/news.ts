import type { Place } from './place.ts'

/** `suspect`: overdue, and taken if nobody else is there. `failing`: asked, and not well; never taken. */
export type Health = 'well' | 'suspect' | 'failing'

/** What those who serve are told of a target. */
export interface ToldTarget extends Place {
  readonly url: string
  /** Of a fixed target, what is told is its health alone. */
  readonly leased: boolean
  readonly weight: number
  /** It finishes what it has, and takes nothing new. */
  readonly draining: boolean
  readonly health: Health
  /** It refused a connection: passed over until then, if there is another. Unix ms. */
  readonly awayUntil: number
  /** Fields that every request to it carries, as name and value. They may be secrets. */
  readonly headers?: Readonly<Record<string, string>>
  /** Since when it takes exchanges: a slow start counts from here. Unix ms. */
  readonly since: number
}

/** What has changed since the news before, or everything. */
export interface TargetNews {
  /** One more than that of the news before. */
  readonly sequence: number
  /** These are all that there are. */
  readonly whole: boolean
  readonly put: readonly ToldTarget[]
  /** Names, as `nameOf` makes them. */
  readonly gone: readonly string[]
}
