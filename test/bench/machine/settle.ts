import { setTimeout as sleep } from 'node:timers/promises'
import { memoryOf } from './process-tree.ts'

/** Memory (PSS, bytes) of a process and its descendants once it changes by less than one per cent in half a second. */
export async function settledMemoryOf(pid: number): Promise<number> {
  let last = memoryOf(pid).pss
  for (let look = 0; look < 20; look++) {
    await sleep(500)
    const now = memoryOf(pid).pss
    if (Math.abs(now - last) < last / 100) return now
    last = now
  }
  return last
}
