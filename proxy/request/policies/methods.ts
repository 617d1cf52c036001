import type { PolicyOptions } from '../../config/policy-schemas.ts'
import { deny, type HeaderEntry, type Policy, pass } from './policy.ts'

/**
 * Passes the listed methods and answers 405 to the rest. `GET` brings `HEAD` with it (RFC 9110 §9.3.2);
 * `OPTIONS` comes only by being listed. A CORS preflight never gets here: `cors` stands above in the table
 * and has answered it. In observe mode `cors` answers nothing, and a preflight is an OPTIONS like any other.
 */
export function methods(options: PolicyOptions<'methods'>): Policy {
  const allowed = new Set(options.allow)
  if (allowed.has('GET')) allowed.add('HEAD')
  const list = [...allowed].join(', ')
  // RFC 9110 §15.5.6: a 405 says in Allow what would be accepted.
  const allowField: readonly HeaderEntry[] = [['allow', list]]
  return {
    name: 'methods',
    mode: options.mode,
    decide: function methods(facts) {
      if (allowed.has(facts.method)) return pass
      return deny('method_not_allowed', `${facts.method} is none of ${list}`, allowField)
    },
  }
}
