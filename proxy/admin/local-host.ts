import { isLoopbackAddress } from './place.ts'

/**
 * Whether a Host field names this machine to itself.
 *
 * DNS rebinding: a page of evil.example lets its name resolve to 127.0.0.1, and the browser then lets its script
 * read what answers there, as one origin. The browser still sends `Host: evil.example`, so only names that no DNS
 * server can give away are served. The port is free: it differs behind `ssh -L` and in containers.
 */
export function isLocalHost(host: string | undefined): boolean {
  const found = /^(\[[^\]]+\]|[^:@/?#\s]+)(?::\d{1,5})?$/.exec(host ?? '')
  if (found === null) return false
  const name = (found[1] as string).toLowerCase()
  return name === 'localhost' || isLoopbackAddress(name.replace(/^\[|\]$/g, ''))
}
