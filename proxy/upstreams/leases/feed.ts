import type { TargetNews, ToldTarget } from './news.ts'
import { nameOf } from './place.ts'

/** What all workers shall know of targets, and the news by which they come to know it. */
export interface Feed {
  put(target: ToldTarget): void
  drop(name: string): void
  get(name: string): ToldTarget | undefined
  sequence(): number
  /** For a worker that starts, or that has missed news. */
  whole(): TargetNews
}

/** Changes of one turn of the event loop are told together: a thousand desktops at once are one message. */
export function createFeed(tell: (news: TargetNews) => void, first = 0): Feed {
  const targets = new Map<string, ToldTarget>()
  let changed = new Set<string>()
  let sequence = first

  function change(name: string): void {
    if (changed.size === 0) setImmediate(flush)
    changed.add(name)
  }

  function flush(): void {
    const put: ToldTarget[] = []
    const gone: string[] = []
    for (const name of changed) {
      const target = targets.get(name)
      if (target === undefined) gone.push(name)
      else put.push(target)
    }
    changed = new Set()
    tell({ sequence: ++sequence, whole: false, put, gone })
  }

  return {
    put(target) {
      const name = nameOf(target)
      targets.set(name, target)
      change(name)
    },
    drop(name) {
      if (targets.delete(name)) change(name)
    },
    get: (name) => targets.get(name),
    sequence: () => sequence,
    whole: () => ({ sequence, whole: true, put: [...targets.values()], gone: [] }),
  }
}
