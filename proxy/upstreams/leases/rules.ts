import type { UpstreamConfig } from '../../config/schema.ts'
import type { TargetAddress } from '../connection-pool.ts'
import { allowedAddresses } from '../upstream.ts'
import { type AllowedAddresses, guardConnections, type OwnAddresses } from './allowed-address.ts'
import { createProbe, type Probe } from './probe.ts'

/** What an upstream says of its targets. */
export interface Rules {
  readonly config: UpstreamConfig
  readonly allowed: AllowedAddresses
  readonly probeLease: Probe
  readonly probeFixed: Probe
}

export function makeRules(config: UpstreamConfig, folder: string, own: () => OwnAddresses): Rules {
  const allowed = allowedAddresses(config, folder, own)
  const guard = (address: TargetAddress) => guardConnections(address, allowed)
  return {
    config,
    allowed,
    probeLease: createProbe({ config, folder, guard }),
    probeFixed: createProbe({ config, folder }),
  }
}
