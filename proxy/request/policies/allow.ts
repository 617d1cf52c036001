import type { PolicyOptions } from '../../config/policy-schemas.ts'
import { indexNetworks } from './network-index.ts'
import { deny, type Policy, pass } from './policy.ts'

/** Passes the listed networks and nobody else. `deny` is asked before it, so a network in both is refused. */
export function allow(options: PolicyOptions<'allow'>): Policy {
  const findNetwork = indexNetworks(options.networks)
  return {
    name: 'allow',
    mode: options.mode,
    decide: function allow(facts) {
      if (findNetwork(facts.client) !== undefined) return pass
      return deny('address_denied', `${facts.client.text} is in no allowed network`)
    },
  }
}
