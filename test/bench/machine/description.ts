import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { availableParallelism, loadavg, release, totalmem } from 'node:os'

/** What the figures were measured on. */
export interface Machine {
  readonly processor: string
  readonly cores: number
  readonly memory: string
  readonly kernel: string
  readonly runtime: string
  readonly commit: string
  /** Of the last minute, when the measurements began. Above 0.5 something else was running. */
  readonly loadAverage: number
}

export function describeMachine(): Machine {
  return {
    processor: /^model name\s*:\s*(.+)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? 'unknown',
    cores: availableParallelism(),
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    kernel: release(),
    runtime: `Node ${process.versions.node}`,
    commit: firstLine('git', ['describe', '--always', '--dirty']) ?? 'unknown',
    loadAverage: loadavg()[0] ?? 0,
  }
}

/** The first line that a program says, to either output; undefined if there is no such program. */
export function firstLine(file: string, args: readonly string[]): string | undefined {
  try {
    return execFileSync('sh', ['-c', '"$@" 2>&1', 'sh', file, ...args], { encoding: 'utf8' }).split('\n')[0]
  } catch (error) {
    const output = error instanceof Error && 'stdout' in error ? String(error.stdout) : ''
    // wrk says its version and fails.
    return /not found/.test(output) || output === '' ? undefined : output.split('\n')[0]
  }
}
