import { type Imported, upstreamOf } from './imported.ts'
import type { Directive } from './nginx-syntax.ts'

/** What the whole file says, for its servers. */
export interface Site {
  readonly imported: Imported
  /** Names of `upstream` blocks here, by theirs. */
  readonly upstreams: Map<string, string>
  /** Rates of `limit_req_zone`, by name. */
  readonly zones: Map<string, { limit: number; per: string }>
}

/** `backend`, `127.0.0.1:3000`, `unix:/run/app.sock` as a target. */
export function targetOf(address: string, scheme: string): string {
  const unix = /^unix:([^:]+)/.exec(address)?.[1]
  return unix === undefined ? `${scheme}://${address}` : `unix:${unix}`
}

/** The upstream of routes.yaml that `proxy_pass` leads to, and the path behind it. */
export function destinationOf(address: string, { imported, upstreams }: Site): Destination | undefined {
  const unix = /^https?:\/\/unix:([^:]+)(?::(.*))?$/.exec(address)
  if (unix) return { to: upstreamOf(imported, [`unix:${unix[1]}`]), uri: unix[2], host: 'target' }
  const [, scheme = '', authority = '', uri] = /^(https?):\/\/([^/$]+)(\/[^$]*)?$/.exec(address) ?? []
  if (authority === '') return undefined
  const named = upstreams.get(authority)
  // nginx sends the name of the block, where there is one.
  if (named !== undefined) return { to: named, uri, host: authority }
  return { to: upstreamOf(imported, [`${scheme}://${authority}`]), uri, host: 'target' }
}

interface Destination {
  readonly to: string
  readonly uri: string | undefined
  /** The Host that nginx sends unless it is told another: as `forward.host` is written. */
  readonly host: string
}

/** nginx's `1y` and `max` as an age of routes.yaml. */
export function ageOf(expires: string): string {
  if (expires === 'max') return '365d'
  const [, number = '0', unit = 's'] = /^(\d+)([smhdwMy]?)$/.exec(expires) ?? []
  const days: Record<string, number> = { w: 7, M: 30, y: 365 }
  return unit in days ? `${Number(number) * (days[unit] ?? 1)}d` : `${number}${unit}`
}

export function leaveOut(
  imported: Imported,
  { name, args, line }: Omit<Directive, 'block'>,
  why: string,
): void {
  imported.leftOut.push({ line, text: [name, ...args].join(' '), why })
}
