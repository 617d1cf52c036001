import { readdirSync, readlinkSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { cpuTimeOf, memoryOf, treeOf } from '../bench/machine/process-tree.ts'
import { request } from '../harness/request.ts'

/** What the proxy held at one moment, all its processes together. */
export interface Sample {
  /** Seconds since the start. */
  readonly at: number
  /** Bytes in memory that are in no file: those are shared with whatever else runs on this Node. */
  readonly memory: number
  /**
   * The same when all garbage had last been collected. V8 lets garbage lie that has grown old for as long as there is
   * room, in a process that makes little of it for hours: what it holds then says nothing of what it needs.
   */
  readonly collected: number
  /** Bytes of live and dead objects in the heaps of JavaScript. */
  readonly heap: number
  /** Bytes that those heaps have taken from the system, and bytes of buffers and the like outside of them. */
  readonly reserved: number
  readonly external: number
  readonly descriptors: number
  readonly sockets: number
  /** Exchanges under way. */
  readonly inFlight: number
  /** Seconds by which the latest event loop was late. */
  readonly delay: number
  /** Cores used since the sample before. */
  readonly cpu: number
}

/** The figures that must not grow. */
export const figures = ['memory', 'collected', 'heap', 'descriptors', 'sockets'] as const
export type Figure = (typeof figures)[number]

export interface Sampler {
  readonly samples: readonly Sample[]
  take(): Promise<Sample>
  /** Has each process collect its garbage. */
  collect(): Promise<void>
  /** Text of the metrics, as last read. */
  readonly metrics: string
}

export function createSampler({ pid, admin }: { pid: number; admin: string }): Sampler {
  const samples: Sample[] = []
  const began = performance.now()
  let metrics = ''
  let collected: number | undefined
  let before = { at: began, cpu: cpuTimeOf(pid) }
  return {
    samples,
    get metrics() {
      return metrics
    },
    async take() {
      metrics = (await request(`${admin}/metrics`, { timeout: 30_000 })).text
      const now = { at: performance.now(), cpu: cpuTimeOf(pid) }
      const open = treeOf(pid).flatMap(openFiles)
      const memory = memoryOf(pid).anonymous
      const sample: Sample = {
        at: (now.at - began) / 1000,
        memory,
        collected: collected ?? memory,
        heap: sumOf(metrics, 'nodejs_heap_size_used_bytes'),
        reserved: sumOf(metrics, 'nodejs_heap_size_total_bytes'),
        external: sumOf(metrics, 'nodejs_external_memory_bytes'),
        descriptors: open.length,
        sockets: open.filter((each) => each.startsWith('socket:')).length,
        inFlight: sumOf(metrics, 'gatehouse_exchanges_in_flight'),
        delay: sumOf(metrics, 'gatehouse_event_loop_delay_seconds'),
        cpu: (now.cpu - before.cpu) / 1e6 / (now.at - before.at),
      }
      before = now
      samples.push(sample)
      return sample
    },
    async collect() {
      for (const each of treeOf(pid)) process.kill(each, 'SIGPWR')
      // It takes a tenth of a second, and V8 gives pages back behind it.
      await sleep(1000)
      collected = memoryOf(pid).anonymous
    },
  }
}

/** All series of a metric together. */
export function sumOf(metrics: string, name: string): number {
  let sum = 0
  for (const [, value] of metrics.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'gm')))
    sum += Number(value)
  return sum
}

function openFiles(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      try {
        return [readlinkSync(`/proc/${pid}/fd/${fd}`)]
      } catch {
        // It was closed meanwhile.
        return []
      }
    })
  } catch {
    return []
  }
}
