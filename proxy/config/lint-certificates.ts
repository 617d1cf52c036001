import { isIP } from 'node:net'
import { parseAddress } from '../address.ts'
import { automaticHosts } from './automatic-hosts.ts'
import type { LintFacts } from './lint-facts.ts'
import type { LoadedConfig } from './loaded.ts'
import type { Finding, Path } from './problem.ts'

/** Certificates that browsers would refuse. */

export function warnOfUncoveredHosts(config: LoadedConfig, { certificates, show }: LintFacts): Finding[] {
  if (certificates.length === 0) return []
  const names = new Set(certificates.flatMap((certificate) => certificate.names))
  for (const host of automaticHosts(config)) names.add(host)
  const told = new Set<string>()
  return config.routes.flatMap((route, index) => {
    if (!route.listeners?.some((name) => config.listeners[name]?.tls)) return []
    return (route.match.host ?? []).flatMap((host, place) => {
      if (told.has(host) || isCovered(host, names)) return []
      told.add(host)
      const path = pathOfHost(index, place, show)
      const message = `${show(path) ?? 'this host'} is in none of the certificates, so browsers will refuse it`
      return [{ path, message, mend: 'get a certificate with that name, or remove the host' }]
    })
  })
}

export function warnOfExpiry(_config: LoadedConfig, { certificates, now }: LintFacts): Finding[] {
  const day = 24 * 60 * 60 * 1000
  return certificates.flatMap(({ path, notAfter }) => {
    const days = Math.floor((notAfter - now) / day)
    if (days >= 14) return []
    const when = notAfter <= now ? 'ended' : `ends in ${days === 1 ? '1 day' : `${days} days`}`
    const date = new Date(notAfter).toISOString().slice(0, 10)
    return [{ path, message: `this certificate ${when}, on ${date}`, mend: 'renew it' }]
  })
}

function isCovered(host: string, names: ReadonlySet<string>): boolean {
  const bare = host.replace(/^\[|\]$/g, '')
  if (isIP(bare)) {
    const address = parseAddress(bare)?.text
    return [...names].some((name) => parseAddress(name)?.text === address)
  }
  return names.has(host) || names.has(host.replace(/^[^.]+/, '*'))
}

/** `host: a` and `host: [a]` mean the same, and stand at different places. */
function pathOfHost(route: number, place: number, show: LintFacts['show']): Path {
  const path = ['routes', route, 'match', 'host']
  return show(path) === undefined ? [...path, place] : path
}
