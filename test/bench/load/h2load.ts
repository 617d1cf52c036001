import { runToEnd } from '../machine/child.ts'
import { loadCore } from '../machine/cores.ts'
import { plainBody } from '../upstreams/plain.ts'
import type { Outcome } from './count.ts'

export interface H2loadOptions {
  readonly port: number
  readonly seconds: number
  readonly headers?: Readonly<Record<string, string>>
}

/** HTTP/2 requests over TLS as fast as they are answered: 8 connections, 16 streams each. Throws if one goes wrong. */
export async function h2load({ port, seconds, headers = {} }: H2loadOptions): Promise<Outcome> {
  const args = ['--clients', '8', '--max-concurrent-streams', '16', '--duration', `${seconds}`]
  for (const [name, value] of Object.entries(headers)) args.push('--header', `${name}: ${value}`)
  args.push(`https://127.0.0.1:${port}/`)
  const report = await runToEnd({ file: 'h2load', args }, loadCore)
  const number = (pattern: RegExp) => Number(pattern.exec(report)?.[1])
  const requests = number(/(\d+) succeeded/)
  const faults = number(/(\d+) failed/) + number(/(\d+) errored/) + number(/(\d+) timeout/)
  const data = number(/\((\d+)\) data/)
  if (!/Application protocol: h2/.test(report)) throw new Error(`Not HTTP/2. h2load says:\n${report}`)
  if (!(requests > 0) || faults !== 0 || number(/(\d+) 2xx/) < requests)
    throw new Error(`h2load says:\n${report}`)
  if (data < requests * plainBody.length) throw new Error(`Bodies are missing. h2load says:\n${report}`)
  return { requests, seconds }
}
