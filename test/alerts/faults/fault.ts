import type { Teardown } from '../../harness/teardown.ts'
import type { Stage, StageOptions } from '../stage.ts'

/** Something that goes wrong, really, and what must tell of it. */
export interface Fault {
  readonly name: string
  /** That fires by it. */
  readonly alert: string
  /** Parts of test/setup/debian-packages.txt that it stands on, beside Prometheus. */
  readonly needs?: readonly string[]
  /** What the stage has to have for it. */
  stage?(t: Teardown): Promise<StageOptions>
  /** Where users are meanwhile. Default: `/`. */
  readonly path?: string
  /** They come over TLS, and look at the certificate. */
  readonly overTls?: true
  /** What they send there, as JSON. Default: they only ask. */
  readonly body?: string
  /** Breaks it, and answers how it is mended. */
  begin(stage: Stage): Promise<() => void | Promise<void>>
  /** What must be so beside what always must, when it is well again. */
  isWell?(stage: Stage): Promise<boolean>
  /** On a game day: what else shows it, and what it taught. */
  readonly gameDay?: GameDay
}

export interface GameDay {
  /** Of the log of the program. */
  readonly log?: RegExp
  /** A command of the runbook, as arguments of `gatehouse`, or a path of the admin listener; and what it then says. */
  readonly command: readonly string[] | `/${string}`
  readonly shows: RegExp
  /** What was done to mend it, as the runbook says it. */
  readonly mended: string
  /** What was changed because of it. */
  readonly changed: string
}
