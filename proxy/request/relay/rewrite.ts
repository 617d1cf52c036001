import type { Exchange } from '../exchange.ts'
import type { Facts } from '../facts.ts'
import type { Route } from '../match/route.ts'
import type { ResponseHeaders } from '../policies/policy.ts'

/** The path and query that the upstream is asked for: the canonical path, its prefix kept, stripped or replaced. */
export function upstreamPath(route: Route, facts: Facts, prefix: string): string {
  const rule = route.config.forward.prefix
  if (rule === 'keep') return facts.path + facts.query
  const rest = facts.path.slice(prefix.length)
  const base = rule === 'strip' ? '' : rule.replace(/\/$/, '')
  const path = `${base}${rest}`
  return `${path.startsWith('/') ? path : `/${path}`}${facts.query}`
}

/** The Host that the upstream sees. */
export function upstreamHost(route: Route, facts: Facts, targetAuthority: string): string {
  const rule = route.config.forward.host
  return rule === 'keep' ? facts.authority || targetAuthority : rule === 'target' ? targetAuthority : rule
}

/**
 * Turns what the upstream says about its own address into ours: `Location`, `Content-Location`, and the `Path`
 * and `Domain` of cookies. Otherwise a redirect would lead around the proxy, or to a path that the upstream
 * knows and the outside does not.
 */
export function rewriteResponse(
  exchange: Exchange,
  route: Route,
  facts: Facts,
  headers: ResponseHeaders,
): void {
  const cookies = headers['set-cookie']
  if (cookies === undefined && headers.location === undefined && headers['content-location'] === undefined)
    return
  const target = exchange.upstreamTarget?.address.authority ?? ''
  const sentHost = upstreamHost(route, facts, target)
  const mapping: Mapping = {
    inner: innerPrefix(route),
    outer: exchange.prefix,
    keep: route.config.forward.prefix === 'keep',
    hosts: [sentHost, target],
    origin: `${facts.secure ? 'https' : 'http'}://${facts.authority}`,
  }
  for (const name of ['location', 'content-location'] as const) {
    const value = headers[name]
    if (typeof value === 'string') headers[name] = rewriteLocation(value, mapping)
  }
  if (cookies !== undefined && (!mapping.keep || sentHost !== facts.authority)) {
    headers['set-cookie'] = [cookies].flat().map((cookie) => rewriteCookie(cookie, mapping))
  }
}

interface Mapping {
  /** The prefix that the upstream knows, and the one that the outside knows. Without a slash at the end. */
  inner: string
  outer: string
  keep: boolean
  /** Authorities by which the upstream may mean itself. */
  hosts: readonly string[]
  /** Ours, as the client sees it. */
  origin: string
}

function innerPrefix(route: Route): string {
  const rule = route.config.forward.prefix
  return rule === 'keep' || rule === 'strip' ? '' : rule.replace(/\/$/, '')
}

function rewriteLocation(location: string, mapping: Mapping): string {
  const absolute = /^https?:\/\/([^/?#]*)(.*)$/i.exec(location)
  if (absolute) {
    if (!mapping.hosts.includes((absolute[1] as string).toLowerCase())) return location
    return mapping.origin + outerPath(absolute[2] === '' ? '/' : (absolute[2] as string), mapping)
  }
  return location.startsWith('/') && !location.startsWith('//') ? outerPath(location, mapping) : location
}

function outerPath(path: string, { inner, outer, keep }: Mapping): string {
  if (keep) return path
  if (inner === '') return outer + path
  const below = path === inner || path.startsWith(`${inner}/`) || path.startsWith(`${inner}?`)
  return below ? outer + path.slice(inner.length) : path
}

function rewriteCookie(cookie: string, mapping: Mapping): string {
  return cookie
    .split(';')
    .map((part, index) => {
      const [name = '', ...rest] = part.split('=')
      const value = rest.join('=').trim()
      if (index === 0) return part
      if (name.trim().toLowerCase() === 'path' && value.startsWith('/'))
        return ` Path=${outerPath(value, mapping) || '/'}`
      if (name.trim().toLowerCase() === 'domain' && mapping.hosts.includes(value.replace(/^\./, '')))
        return ''
      return part
    })
    .filter((part) => part !== '')
    .join(';')
}
