import { type AppendTarget, type Batch, createAppendTarget } from './append-target.ts'

/**
 * Lines on their way to a file: in batches, in order, one write at a time.
 *
 * It never throws and never grows without end: while a disk stalls or is full, lines wait up to a limit; what
 * comes then is dropped and counted, and the oldest are written first when it is well again.
 */
export interface LogFile {
  /** `line` ends with its line break. */
  write(line: string): void
  /** Takes the file that has the name now, from the next batch on. */
  reopen(): void
  /** Everything at once, for the last moment of a process. */
  flushNow(): void
  /** Writes what waits and closes. What cannot be written by then is dropped. */
  close(): Promise<void>
}

export interface LogFileEvents {
  onFailure(error: NodeJS.ErrnoException): void
  onDropped(lines: number): void
}

export interface LogFileLimits {
  /** Characters that are written without waiting for more. */
  batch: number
  /** Characters that wait at most. */
  waiting: number
  /** Milliseconds a line waits for others, until a failed write is tried again, and that `close` takes. */
  delay: number
  retry: number
  close: number
}

const usual: LogFileLimits = {
  batch: 64 * 1024,
  waiting: 16 * 1024 * 1024,
  delay: 100,
  retry: 1000,
  close: 2000,
}

/** `path` is absolute, or `stdout`. Opens nothing until there is a line. */
export function openLogFile(path: string, events: LogFileEvents, limits: LogFileLimits = usual): LogFile {
  const target: AppendTarget = createAppendTarget(path)
  let lines: string[] = []
  let waiting = 0
  /** What is being written, or is to be tried again. */
  let batch: (Batch & { lines: number; characters: number }) | undefined
  let writing: Promise<void> | undefined
  let timer: NodeJS.Timeout | undefined
  let closed = false

  function takeBatch(): typeof batch {
    if (lines.length === 0) return undefined
    const taken = {
      bytes: Buffer.from(lines.join('')),
      offset: 0,
      torn: false,
      inFlight: false,
      lines: lines.length,
      characters: waiting,
    }
    lines = []
    waiting = 0
    return taken
  }

  /** Resolves to 0, or to the milliseconds after which what is left is to be tried again. */
  async function writeBatches(atLeast: number): Promise<number> {
    batch ??= takeBatch()
    while (batch !== undefined) {
      try {
        await target.append(batch)
      } catch (error) {
        const failure = error as NodeJS.ErrnoException
        // A pipe whose reader is slow: nothing is wrong yet.
        if (failure.code === 'EAGAIN') return limits.delay
        events.onFailure(failure)
        return limits.retry
      }
      batch = waiting >= atLeast ? takeBatch() : undefined
    }
    return 0
  }

  function start(): void {
    clearTimeout(timer)
    timer = undefined
    if (writing !== undefined) return
    writing = writeBatches(limits.batch).then((retryIn) => {
      writing = undefined
      if (closed) return
      if (retryIn > 0) startIn(retryIn)
      else if (lines.length > 0) startIn(limits.delay)
    })
  }

  function startIn(milliseconds: number): void {
    timer ??= setTimeout(start, milliseconds).unref()
  }

  function dropAll(): void {
    const dropped = lines.length + (batch?.lines ?? 0)
    lines = []
    waiting = 0
    batch = undefined
    if (dropped > 0) events.onDropped(dropped)
  }

  return {
    write(line) {
      if (closed || waiting + (batch?.characters ?? 0) + line.length > limits.waiting)
        return events.onDropped(1)
      lines.push(line)
      waiting += line.length
      // While a batch waits to be tried again, its timer starts the next write.
      if (waiting >= limits.batch && batch === undefined) start()
      else if (writing === undefined) startIn(limits.delay)
    },
    reopen: () => target.reopen(),
    flushNow() {
      // What is in flight is with the kernel already, and would be written twice.
      if (batch !== undefined && !batch.inFlight) target.appendNow(batch)
      const rest = takeBatch()
      if (rest !== undefined) target.appendNow(rest)
      batch = undefined
    },
    async close() {
      if (closed) return
      closed = true
      clearTimeout(timer)
      const deadline = performance.now() + limits.close
      const finished = (async () => {
        await writing
        while ((await writeBatches(0)) > 0) {
          if (performance.now() > deadline) return
          await new Promise((resolve) => setTimeout(resolve, Math.min(limits.retry, 50)))
        }
      })()
      await Promise.race([finished, new Promise((resolve) => setTimeout(resolve, limits.close).unref())])
      dropAll()
      await target.close()
    },
  }
}
