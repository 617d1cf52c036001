import { addUpstream, type Imported, upstreamOf } from './imported.ts'
import type { Directive } from './nginx-syntax.ts'

/** What the whole file says, for its servers. */
export interface Site {
  readonly imported: Imported
  /** Names of `upstream` blocks here, by theirs. */
  readonly upstreams: Map<string, string>
  /** Rates of `limit_req_zone`, by name. */
  readonly zones: Map<string, Zone>
}

/** Requests per minute, by what they are counted, and where it stands. */
export interface Zone {
  readonly perMinute: number
  readonly by: string | undefined
}

/** `backend weight=2`, `127.0.0.1:3000`, `unix:/run/app.sock` as a target. */
export function targetOf({ args: [address = '', ...words] }: Directive, scheme: string): Target {
  const unix = /^unix:([^:]+)/.exec(address)?.[1]
  const url = unix === undefined ? `${scheme}://${address}` : `unix:${unix}`
  const weight = Number(/\bweight=(\d+)/.exec(words.join(' '))?.[1] ?? 1)
  return weight === 1 ? url : { url, weight }
}

type Target = string | { readonly url: string; readonly weight: number }

/** `limit_req_zone $binary_remote_addr zone=login:10m rate=5r/m`. */
export function readZone(directive: Directive, { imported, zones }: Site): void {
  const words = directive.args.join(' ')
  const zone = /zone=([^:\s]+)/.exec(words)?.[1]
  const [, limit, unit] = /rate=(\d+)r\/([sm])/.exec(words) ?? []
  if (zone === undefined || limit === undefined) return
  const [key = ''] = directive.args
  const field = /^\$\{?http_(\w+?)\}?$/.exec(key)?.[1]?.replaceAll('_', '-')
  const by = field === undefined ? ways[key] : `header:${field}`
  zones.set(zone, { perMinute: Number(limit) * (unit === 's' ? 60 : 1), by: by ?? 'client' })
  if (by === undefined)
    leaveOut(
      imported,
      directive,
      `what ${key} holds is not known here: each client is counted by its address`,
    )
}

const ways: Readonly<Record<string, string>> = {
  $binary_remote_addr: 'client',
  $remote_addr: 'client',
  $server_name: 'route',
  $host: 'route',
  $uri: 'route',
}

/** The upstream of routes.yaml that `proxy_pass` leads to, and the path behind it. */
export function destinationOf(address: string, { imported, upstreams }: Site): Destination | undefined {
  const unix = /^https?:\/\/unix:([^:]+)(?::(.*))?$/.exec(address)
  if (unix) return { to: upstreamOf(imported, [`unix:${unix[1]}`]), uri: unix[2], host: 'target' }
  const [, scheme = '', authority = '', uri] = /^(https?):\/\/([^/$]+)(\/[^$]*)?$/.exec(address) ?? []
  if (authority === '') return undefined
  const named = upstreams.get(authority)
  // nginx sends the name of the block, where there is one.
  if (named !== undefined)
    return { to: scheme === 'https' ? overTls(named, imported) : named, uri, host: authority }
  return { to: upstreamOf(imported, [`${scheme}://${authority}`]), uri, host: 'target' }
}

/** The same targets, reached by TLS: the scheme stands where nginx leads there, and not with the servers. */
function overTls(name: string, imported: Imported): string {
  const { targets = [], ...more } = imported.upstreams.get(name) ?? {}
  const secure = (targets as Target[]).map((target) => {
    if (typeof target === 'string') return target.replace(/^http:/, 'https:')
    return { ...target, url: target.url.replace(/^http:/, 'https:') }
  })
  const text = JSON.stringify({ targets: secure, ...more })
  for (const [other, upstream] of imported.upstreams) if (JSON.stringify(upstream) === text) return other
  // Where nobody leads to it in the clear, it stays out of the table.
  return addUpstream(imported.upstreams, `${name}-tls`, { targets: secure, ...more })
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
