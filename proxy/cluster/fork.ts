import cluster, { type Worker } from 'node:cluster'
import { fileURLToPath } from 'node:url'
import { rescueConnections } from './rescue.ts'

/** A worker process, and the moment at which it has loaded its code and listens to messages. */
export interface Forked {
  readonly worker: Worker
  readonly here: Promise<void>
}

/**
 * Forks a worker before it is known what it shall serve. To load the code takes longer than everything else in a
 * start, and this way the first worker does so while the primary does the same.
 */
export function forkAhead(): void {
  ahead ??= forkNow()
}

/** The one that was forked ahead, if it is still there, or a new one. */
export function forkWorker(): Forked {
  const forked = ahead
  ahead = undefined
  return forked && !forked.worker.isDead() ? forked : forkNow()
}

// --- internal ---

let ahead: Forked | undefined

/** Beside this file, as source or as built. */
const workerFile = fileURLToPath(
  new URL(`./worker${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url),
)

function forkNow(): Forked {
  cluster.setupPrimary({ exec: workerFile, args: [], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  // What a service manager hears of this service is for the primary to say.
  const worker = cluster.fork({ NOTIFY_SOCKET: undefined, WATCHDOG_USEC: undefined, WATCHDOG_PID: undefined })
  rescueConnections(worker)
  return { worker, here: new Promise((resolve) => worker.once('message', () => resolve())) }
}
