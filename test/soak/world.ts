import type { Doors } from './doors.ts'
import type { Gatehouse } from './gatehouse.ts'
import type { Tally } from './tally.ts'

/** What traffic needs to know. */
export interface World {
  readonly gatehouse: Gatehouse
  readonly doors: Doors
  readonly tally: Tally
}

/** One kind of client. Its turn is one thing that it does; a turn that throws has failed. */
export interface Kind {
  readonly name: string
  /** How many of them there are. */
  readonly copies: number
  /** Milliseconds between two turns of one of them, on average and at full pace. */
  readonly pause: number
  turn(world: World): Promise<void>
}
