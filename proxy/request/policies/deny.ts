import type { PolicyOptions } from '../../config/policy-schemas.ts'
import { indexNetworks } from './network-index.ts'
import { type Policy, pass, deny as refuse } from './policy.ts'

/** Refuses the listed networks. It is asked before `allow`, and so beats it. */
export function deny(options: PolicyOptions<'deny'>): Policy {
  const findNetwork = indexNetworks(options.networks)
  return {
    name: 'deny',
    mode: options.mode,
    decide: function deny(facts) {
      const network = findNetwork(facts.client)
      if (network === undefined) return pass
      return refuse('address_denied', `${facts.client.text} is in the denied network ${network}`)
    },
  }
}
