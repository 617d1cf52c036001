import { fileURLToPath } from 'node:url'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import apacheMd5 from 'apache-md5'

/**
 * Apache's apr1: a thousand rounds of MD5, 2 to 5 ms of pure computing that Node offers no thread for. On the event
 * loop a few hundred wrong passwords a second would stop the whole proxy, so this file is also the program
 * of one thread of its own, started when the first apr1 password is checked.
 */
export function computeApr1(password: string, salt: string): Promise<string> {
  thread ??= startThread()
  const { worker, waiting } = thread
  const id = nextId++
  return new Promise((resolve, reject) => {
    waiting.set(id, { resolve, reject })
    // The thread keeps the process alive only while somebody waits for it.
    worker.ref()
    worker.postMessage({ id, password, salt } satisfies Question)
  })
}

interface Question {
  id: number
  password: string
  salt: string
}
interface Thread {
  worker: Worker
  waiting: Map<number, { resolve(hash: string): void; reject(error: Error): void }>
}

const role = 'gatehouse-apr1'
let thread: Thread | undefined
let nextId = 0

function startThread(): Thread {
  const worker = new Worker(fileURLToPath(import.meta.url), { workerData: role })
  const waiting: Thread['waiting'] = new Map()
  worker.on('message', ({ id, hash }: { id: number; hash: string }) => {
    waiting.get(id)?.resolve(hash)
    waiting.delete(id)
    if (waiting.size === 0) worker.unref()
  })
  worker.on('error', (error: Error) => {
    thread = undefined
    for (const { reject } of waiting.values()) reject(error)
  })
  return { worker, waiting }
}

// Its types say `export default`; what it exports is the function itself.
const apr1Of = apacheMd5 as unknown as (password: string, salt: string) => string

if (!isMainThread && workerData === role) {
  parentPort?.on('message', ({ id, password, salt }: Question) => {
    // The package counts characters where Apache counts bytes: each byte becomes one character.
    const bytes = Buffer.from(password).toString('latin1')
    parentPort?.postMessage({ id, hash: apr1Of(bytes, `$apr1$${salt}$`) })
  })
}
