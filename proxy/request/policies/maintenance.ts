import type { PolicyOptions } from '../../config/policy-schemas.ts'
import { indexNetworks } from './network-index.ts'
import { type Deny, type Policy, pass } from './policy.ts'

/**
 * Closes the route with 503 and Retry-After, except for the networks of those who work on it. Switched off,
 * it decides nothing and costs nothing.
 */
export function maintenance(options: PolicyOptions<'maintenance'>): Policy {
  const { mode } = options
  if (!options.on) return { name: 'maintenance', mode }
  const findNetwork = indexNetworks(options.allow)
  const seconds = Math.max(1, Math.ceil(options.retryAfter / 1000))
  const closed: Deny = {
    verdict: 'deny',
    code: 'maintenance',
    reason: 'the route is closed for maintenance',
    responseHeaders: [['retry-after', String(seconds)]],
  }
  if (options.message !== undefined) closed.message = options.message
  return {
    name: 'maintenance',
    mode,
    decide: function maintenance(facts) {
      return findNetwork(facts.client) === undefined ? closed : pass
    },
  }
}
