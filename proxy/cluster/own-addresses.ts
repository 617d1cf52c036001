import type { OwnAddresses } from '../upstreams/leases/allowed-address.ts'
import type { Ports } from './messages.ts'

/** What this proxy listens on, where no lease may lead. `admin`: as it was opened, a URL or `unix:/path`. */
export function ownAddresses(ports: Ports, admin: string | undefined): OwnAddresses {
  const own = new Set(Object.values(ports))
  const sockets = new Set<string>()
  if (admin?.startsWith('unix:')) sockets.add(admin.slice('unix:'.length))
  else if (admin !== undefined) own.add(Number(new URL(admin).port))
  return { ports: own, sockets }
}
