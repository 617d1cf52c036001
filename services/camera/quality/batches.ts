import { EngineFault } from './engine.ts'

export interface BatchSettings<Item, Answer> {
  /** Items that go together at most. */
  readonly size: number
  /** Batches under way at one time. */
  readonly parallel: number
  /** Items that may wait; more are refused at once. */
  readonly waiting: number
  /** Answers one for each item, in their order. */
  run(items: readonly Item[]): Promise<readonly Answer[]>
}

/**
 * Sends what waits together. The first goes at once, alone; what comes while it is under way makes the next batch. So
 * nobody waits for company, and the more there is to do the more goes together.
 */
export function createBatches<Item, Answer>(settings: BatchSettings<Item, Answer>) {
  const waiting: { item: Item; resolve(answer: Answer): void; reject(error: unknown): void }[] = []
  let underway = 0

  async function next(): Promise<void> {
    if (underway >= settings.parallel || waiting.length === 0) return
    underway++
    const batch = waiting.splice(0, settings.size)
    try {
      const answers = await settings.run(batch.map(({ item }) => item))
      for (const [index, { resolve }] of batch.entries()) resolve(answers[index] as Answer)
    } catch (error) {
      for (const { reject } of batch) reject(error)
    }
    underway--
    void next()
  }

  return {
    ask(item: Item): Promise<Answer> {
      if (waiting.length >= settings.waiting)
        return Promise.reject(new EngineFault('overloaded', 'Too many pictures wait to be judged'))
      return new Promise((resolve, reject) => {
        waiting.push({ item, resolve, reject })
        void next()
      })
    },
  }
}
