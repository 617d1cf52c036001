import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { LoadedConfig } from '../../config/loaded.ts'
import type { ExchangeRecord } from '../exchange-record.ts'
import { openSpanExporter } from './span-exporter.ts'
import { spansOf } from './span-json.ts'

/** Takes the exchanges that are recorded, and sends their spans to the collector. Never throws and never waits. */
export interface TraceLog {
  write(record: ExchangeRecord): void
  /** Sends what waits, for two seconds at most. */
  close(): Promise<void>
}

/** Undefined where routes.yaml names no collector. Throws one sentence about a secret that cannot be read. */
export function openTraceLog(
  { tracing, accessLog, folder }: Pick<LoadedConfig, 'tracing' | 'accessLog' | 'folder'>,
  env: NodeJS.ProcessEnv,
  version: string,
): TraceLog | undefined {
  if (tracing?.endpoint === undefined) return undefined
  const { endpoint, service } = tracing
  const headers = Object.fromEntries(
    Object.entries(tracing.headers).map(([name, where]) => [name, readSecret(where, folder, env)]),
  )
  const exporter = openSpanExporter({ endpoint, headers, service, version })
  return {
    write(record) {
      if (record.trace?.sampled) exporter.add(spansOf(record, record.trace, accessLog.query))
    },
    close: exporter.close,
  }
}

/** Whether it is there was checked when the configuration was loaded. */
function readSecret(where: string, folder: string, env: NodeJS.ProcessEnv): string {
  if (where.startsWith('env:')) return env[where.slice('env:'.length)] ?? ''
  return readFileSync(resolve(folder, where), 'utf8').trim()
}
