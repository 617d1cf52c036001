import { Worker } from 'node:worker_threads'
import { stepSeconds } from '../../metrics.ts'
import { isNoRoom, noRoom } from '../../refusal.ts'
import { type Engine, EngineFailure, type Outcome, type Task } from '../engine.ts'
import { type StepName, steps } from './steps.ts'

/** What the thread is told. */
export interface Order {
  readonly source: Task['source']
  readonly target: string
  /** Of each step, by its name. */
  readonly settings: Readonly<Record<string, number>>
  readonly mostPixels: number
}

/** What the thread says. */
export type Message =
  | { kind: 'progress'; step: string; done: number }
  | { kind: 'took'; step: StepName | 'save'; seconds: number }
  | { kind: 'done'; outcome: Outcome }

/** Restores on this machine, by the steps of `steps.ts`, in one thread for each picture. */
export function localEngine({ mostPixels }: { mostPixels: number }): Engine {
  return {
    restore: (task) =>
      new Promise((resolve, reject) => {
        const { source, target } = task
        const order: Order = { source, target, mostPixels, settings: settingsOf(task.parameters) }
        const thread = new Worker(workerFile, { workerData: order, name: 'restoration' })
        const stop = () => void thread.terminate()
        task.signal.addEventListener('abort', stop, { once: true })
        thread.on('message', (message: Message) => {
          if (message.kind === 'progress') task.onProgress(message.step, message.done)
          else if (message.kind === 'took') stepSeconds.observe({ step: message.step }, message.seconds)
          else resolve(message.outcome)
        })
        thread.on('error', (cause: NodeJS.ErrnoException) => reject(failureOf(cause)))
        thread.on('exit', () => {
          task.signal.removeEventListener('abort', stop)
          reject(
            new EngineFailure(503, 'The restoration was stopped before it was done.', { retryAfter: 10 }),
          )
        })
      }),
  }
}

// --- internal ---

const workerFile = new URL(`./worker${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url)

function settingsOf(parameters: Task['parameters']): Record<string, number> {
  return Object.fromEntries(steps.map(({ name }) => [name, Number(parameters[name] ?? 0)]))
}

function failureOf(cause: NodeJS.ErrnoException): EngineFailure {
  if (isNoRoom(cause)) return new EngineFailure(507, noRoom().title, { retryAfter: 300, cause })
  if (cause.code === 'ERR_WORKER_OUT_OF_MEMORY' || /allocation failed/i.test(cause.message))
    return new EngineFailure(503, 'The picture needs more memory than there is just now.', {
      retryAfter: 60,
      cause,
    })
  return new EngineFailure(502, 'The picture could not be restored: it cannot be read to its end.', { cause })
}
