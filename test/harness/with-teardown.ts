import type { Teardown } from './teardown.ts'

/** Does work that needs a test's context where there is no test, and undoes what it made, whatever happens. */
export async function withTeardown<T>(work: (t: Teardown) => Promise<T>): Promise<T> {
  const undos: (() => void | Promise<void>)[] = []
  try {
    return await work({ after: (undo) => void undos.push(undo) })
  } finally {
    for (const undo of undos.reverse()) await undo()
  }
}
