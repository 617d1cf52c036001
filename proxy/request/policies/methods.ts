import type { PolicyOptions } from '../../config/policy-schemas.ts'
import { deny, type HeaderEntry, type Policy, pass } from './policy.ts'
import { asCgiReadsIt } from './request-fields.ts'

/**
 * Passes the listed methods and answers 405 to the rest. `GET` brings `HEAD` with it (RFC 9110 §9.3.2);
 * `OPTIONS` comes only by being listed. A CORS preflight never gets here: `cors` stands above in the table
 * and has answered it. In observe mode `cors` answers nothing, and a preflight is an OPTIONS like any other.
 *
 * The attack: a POST with `X-HTTP-Method-Override: DELETE`, which Laravel, Symfony, Rack and others take for a DELETE. So
 * a method that such a field names has to be one of the list, too.
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
      if (!allowed.has(facts.method))
        return deny('method_not_allowed', `${facts.method} is none of ${list}`, allowField)
      const other = overridingMethods(facts.headers.raw).find((method) => !allowed.has(method))
      if (other === undefined) return pass
      return deny(
        'method_not_allowed',
        `a field overrides the method by one that is none of ${list}`,
        allowField,
      )
    },
  }
}

const overriding: ReadonlySet<string> = new Set([
  'x-http-method-override',
  'x-http-method',
  'x-method-override',
])

/** In capitals, as those who read such a field compare them. Of a list some take the first, so each of it counts. */
function overridingMethods(raw: readonly string[]): string[] {
  const methods: string[] = []
  for (let i = 0; i < raw.length; i += 2) {
    if (!overriding.has(asCgiReadsIt(raw[i] as string))) continue
    for (const part of (raw[i + 1] as string).split(',')) methods.push(part.trim().toUpperCase())
  }
  return methods.filter((method) => method !== '')
}
