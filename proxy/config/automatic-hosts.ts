import { isIP } from 'node:net'
import type { LoadedConfig } from './loaded.ts'

/**
 * The hosts that `tls.automatic` gets certificates for: those that it names, or those of routes that clients reach over
 * TLS, as far as an authority outside can know them: no addresses, no `localhost`, and wildcards only by DNS.
 */
export function automaticHosts({ tls, routes, listeners }: LoadedConfig): string[] {
  const { automatic } = tls
  if (automatic === undefined) return []
  if (automatic.hosts !== undefined) return [...new Set(automatic.hosts)]
  const hosts = routes
    .filter((route) => route.listeners?.some((name) => listeners[name]?.tls))
    .flatMap(({ match }) => match.host ?? [])
    .filter((host) => isPublicName(host) && (automatic.dns !== undefined || !host.startsWith('*.')))
  return [...new Set(hosts)].sort()
}

// --- internal ---

function isPublicName(host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, '')
  return isIP(bare) === 0 && host.includes('.') && !/(^|\.)localhost$/.test(host)
}
