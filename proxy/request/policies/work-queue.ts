export interface WorkQueue {
  /** Runs the task when there is room. Answers undefined, at once, when too many wait already. */
  run<T>(task: () => Promise<T>): Promise<T> | undefined
}

/** Runs a few tasks at a time, in order, and lets a bounded number wait. */
export function createWorkQueue({ running, waiting }: { running: number; waiting: number }): WorkQueue {
  let active = 0
  const queue: (() => void)[] = []

  function next(): void {
    active--
    queue.shift()?.()
  }
  return {
    run<T>(task: () => Promise<T>) {
      if (active >= running && queue.length >= waiting) return undefined
      return new Promise<T>((resolve) => {
        const start = (): void => {
          active++
          resolve(task().finally(next))
        }
        if (active < running) start()
        else queue.push(start)
      })
    },
  }
}
