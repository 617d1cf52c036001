import { runToEnd } from '../machine/child.ts'
import { loadCore } from '../machine/cores.ts'
import { plainBody } from '../upstreams/plain.ts'
import type { Outcome } from './count.ts'

export interface WrkOptions {
  readonly port: number
  readonly secure?: boolean
  readonly seconds: number
  readonly headers?: Readonly<Record<string, string>>
  /** A Lua file that makes the requests. */
  readonly script?: string
  readonly connections?: number
}

/** HTTP/1.1 requests as fast as they are answered, on 32 connections that are kept. Throws if one goes wrong. */
export async function wrk({
  port,
  secure,
  seconds,
  headers = {},
  script,
  connections = 32,
}: WrkOptions): Promise<Outcome> {
  const args = [
    '--threads',
    '1',
    '--connections',
    `${connections}`,
    '--duration',
    `${seconds}s`,
    '--timeout',
    '10s',
  ]
  for (const [name, value] of Object.entries(headers)) args.push('--header', `${name}: ${value}`)
  if (script) args.push('--script', script)
  args.push(`${secure ? 'https' : 'http'}://127.0.0.1:${port}/`)
  const report = await runToEnd({ file: 'wrk', args }, loadCore)
  const totals = /(\d+) requests in ([\d.]+)(ms|s|m), ([\d.]+)([KMG]?B) read/.exec(report)
  if (!totals || /Non-2xx|Socket errors/.test(report)) throw new Error(`wrk says:\n${report}`)
  const [, requests, time, timeUnit = 's', read, readUnit = 'B'] = totals
  // It prints two decimals, so a little may seem to be missing.
  const bytes = Number(read) * (bytesIn[readUnit] ?? 1) * 1.01
  if (bytes < Number(requests) * plainBody.length) throw new Error(`Bodies are missing. wrk says:\n${report}`)
  return { requests: Number(requests), seconds: Number(time) * (secondsIn[timeUnit] ?? 1) }
}

const bytesIn: Record<string, number> = { B: 1, KB: 2 ** 10, MB: 2 ** 20, GB: 2 ** 30 }
const secondsIn: Record<string, number> = { ms: 0.001, s: 1, m: 60 }
