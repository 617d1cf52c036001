import { resolve } from 'node:path'
import { pipeLimit, standardOutput } from './append-target.ts'
import type { ExchangeRecord } from './exchange-record.ts'
import { combinedLine, shortCombinedLine } from './line-combined.ts'
import { jsonLine, shortJsonLine } from './line-json.ts'
import { type LogFile, openLogFile } from './log-file.ts'
import { logger } from './logger.ts'
import { recordDroppedLines, recordLogFailure } from './metrics.ts'

/**
 * The access log: one line per exchange, in the log's own file or in that of the route.
 *
 * Writing never throws and never waits. A disk that is full or closed to us costs lines, which are counted and
 * reported, and no exchange.
 */
export interface AccessLogs {
  /** `file`: of the route, relative to the folder of routes.yaml; `false` for none. */
  write(record: ExchangeRecord, file?: string | false): void
  /** Takes the files that have the names now. They are looked at once a second anyway. */
  reopen(): void
  /** Writes what waits, for a few seconds at most. */
  close(): Promise<void>
}

export interface AccessLogOptions {
  readonly default: { readonly file: string; readonly format: 'json' | 'combined'; readonly query: boolean }
  /** Absolute; relative names start here. */
  readonly folder: string
}

export function openAccessLogs({ default: main, folder }: AccessLogOptions): AccessLogs {
  const files = new Map<string, LogFile>()
  const [formatLine, formatShortLine] =
    main.format === 'json' ? [jsonLine, shortJsonLine] : [combinedLine, shortCombinedLine]

  function fileOf(name: string): LogFile {
    const found = files.get(name)
    if (found !== undefined) return found
    const path = name === standardOutput ? name : resolve(folder, name)
    // Two names of one file share its order.
    const file = files.get(path) ?? openLogFile(path, reporting(path))
    files.set(path, file)
    files.set(name, file)
    return file
  }

  function lineFor(name: string, record: ExchangeRecord): string {
    const line = formatLine(record, main.query)
    // A longer line could be mixed with those of other workers, by a client that sends long fields.
    if (name === standardOutput && Buffer.byteLength(line) > pipeLimit)
      return formatShortLine(record, main.query)
    return line
  }

  function flushNow(): void {
    for (const file of new Set(files.values())) {
      try {
        file.flushNow()
      } catch {
        // The process ends now; there is nobody left to tell.
      }
    }
  }
  process.on('exit', flushNow)

  return {
    write(record, file = main.file) {
      if (file === false) return
      try {
        fileOf(file).write(lineFor(file, record))
      } catch (error) {
        reportFailure(file, error)
        recordDroppedLines(1)
      }
    },
    reopen() {
      for (const file of files.values()) file.reopen()
    },
    async close() {
      await Promise.all(Array.from(new Set(files.values()), (file) => file.close()))
      process.off('exit', flushNow)
    },
  }
}

// --- internal ---

const log = logger.child('access-log')

/** When each file was last complained of, in milliseconds: a full disk is one line a minute, not one a batch. */
const reportedAt = new Map<string, number>()
const reportEvery = 60_000
const droppedSinceReport = new Map<string, number>()

function reporting(path: string) {
  return {
    onFailure(error: NodeJS.ErrnoException) {
      recordLogFailure()
      reportFailure(path, error)
    },
    onDropped(lines: number) {
      recordDroppedLines(lines)
      droppedSinceReport.set(path, (droppedSinceReport.get(path) ?? 0) + lines)
      reportFailure(path, 'lines were dropped')
    },
  }
}

function reportFailure(file: string, error: unknown): void {
  const now = performance.now()
  if (now - (reportedAt.get(file) ?? Number.NEGATIVE_INFINITY) < reportEvery) return
  reportedAt.set(file, now)
  const reason = error instanceof Error ? error.message : error
  log.error('access log cannot be written', { file, reason, dropped: droppedSinceReport.get(file) ?? 0 })
  droppedSinceReport.delete(file)
}
