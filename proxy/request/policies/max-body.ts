import type { PolicyOptions } from '../../config/policy-schemas.ts'
import { deny, type Policy, pass } from './policy.ts'

/**
 * Refuses a request body above the limit: at once where its length is declared, and by `bodyLimit`, which the
 * relay counts, where it is not. In observe mode the relay counts as well, and notes what it would have cut.
 */
export function maxBody(options: PolicyOptions<'maxBody'>): Policy {
  const { size, mode } = options
  const decide: Policy['decide'] = function maxBody(facts) {
    const declared = facts.headers.get('content-length')
    if (declared === undefined || !(Number(declared) > size)) return pass
    return deny('body_too_large', `content-length ${declared} is above the limit of ${size} bytes`)
  }
  return { name: 'maxBody', mode, decide, bodyLimit: size }
}
