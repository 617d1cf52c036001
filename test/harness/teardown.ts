/** The part of a test's context that the harness needs. `{ after }` of node:test does for a whole file. */
export interface Teardown {
  after(undo: () => void | Promise<void>): void
}

/**
 * Undoes things in the reverse of the order in which they were made (node:test's own order is the order of
 * making: a folder would go before the process that writes into it). All are undone, even if one fails.
 */
export function onEnd(t: Teardown, undo: () => void | Promise<void>): void {
  const known = pending.get(t)
  if (known) {
    known.push(undo)
    return
  }
  const undos = [undo]
  pending.set(t, undos)
  t.after(async () => {
    const failures: unknown[] = []
    for (const each of undos.reverse()) {
      try {
        await each()
      } catch (error) {
        failures.push(error)
      }
    }
    if (failures.length > 0) throw failures[0]
  })
}

const pending = new WeakMap<Teardown, (() => void | Promise<void>)[]>()
