import { execFileSync } from 'node:child_process'
import { availableParallelism } from 'node:os'

/** A list of cores as taskset takes it. */
export type Cores = string

/** The proxy has a core for itself; the load and the upstream share another. */
export const proxyCore: Cores = '0'
export const loadCore: Cores = '1'
export const bothCores: Cores = '0,1'

/** Moves this process, with all its threads, to the core of the load. */
export function moveToLoadCore(): void {
  if (availableParallelism() < 2)
    throw new Error('The measurements need two cores: one for the proxy, one for the load.')
  execFileSync('taskset', ['--all-tasks', '--cpu-list', '--pid', loadCore, String(process.pid)], {
    stdio: 'ignore',
  })
}

/** taskset becomes the command it starts, so that the process id is the command's own. */
export function onCores(cores: Cores, command: readonly string[]): string[] {
  return ['taskset', '--cpu-list', cores, ...command]
}
