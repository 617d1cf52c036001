import { readdirSync, readFileSync, writeFileSync } from 'node:fs'

/** A process and all its descendants. Empty if it has ended. */
export function treeOf(pid: number): number[] {
  const tree: number[] = []
  const queue = [pid]
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    const threads = threadsOf(next)
    if (threads.length === 0) continue
    tree.push(next)
    for (const thread of threads)
      queue.push(...read(`/proc/${next}/task/${thread}/children`).split(' ').filter(Boolean).map(Number))
  }
  return tree
}

/**
 * CPU time, user and system, of a process and its descendants so far, in nanoseconds. It is read from the scheduler
 * thread by thread: /proc/PID/stat counts in steps of ten milliseconds, which is several per cent of what is measured
 * here. The time of a thread that has ended is lost, so this is for proxies whose processes stay.
 */
export function cpuTimeOf(pid: number): number {
  return sum(treeOf(pid).map(cpuTimeOfProcess))
}

/** CPU time of each process of the tree by its process id, in nanoseconds. */
export function cpuTimesOf(pid: number): Map<number, number> {
  return new Map(treeOf(pid).map((each) => [each, cpuTimeOfProcess(each)]))
}

export interface Memory {
  /** Bytes in memory, shared pages counted once for each process. */
  readonly rss: number
  /** Bytes in memory, each shared page divided among those that share it. */
  readonly pss: number
  /** The part of it that is in no file. */
  readonly anonymous: number
}

/** Memory of a process and its descendants, in bytes. */
export function memoryOf(pid: number): Memory {
  const maps = treeOf(pid).map((each) => read(`/proc/${each}/smaps_rollup`))
  return {
    rss: sum(maps.map((map) => kilobytes(map, 'Rss'))),
    pss: sum(maps.map((map) => kilobytes(map, 'Pss'))),
    anonymous: sum(maps.map((map) => kilobytes(map, 'Pss_Anon'))),
  }
}

/** Forgets the peaks of a process and its descendants, so that `peakMemoryOf` tells of what comes. */
export function forgetPeakMemory(pid: number): void {
  for (const each of treeOf(pid)) writeFileSync(`/proc/${each}/clear_refs`, '5')
}

/** Bytes that a process and its descendants had in memory at most, each at its own time. */
export function peakMemoryOf(pid: number): number {
  return sum(treeOf(pid).map((each) => kilobytes(read(`/proc/${each}/status`), 'VmHWM')))
}

function cpuTimeOfProcess(pid: number): number {
  return sum(
    threadsOf(pid).map((thread) => Number(read(`/proc/${pid}/task/${thread}/schedstat`).split(' ')[0])),
  )
}

function threadsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`)
  } catch {
    return []
  }
}

function kilobytes(text: string, field: string): number {
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0) * 1024
}

/** A process or thread that ends while it is looked at reads as empty. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0)
}
