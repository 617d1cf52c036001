import type { Extension, RoutePolicies } from '../../config/loaded.ts'
import type { PolicyName, PolicyOptions } from '../../config/policy-schemas.ts'
import { allow } from './allow.ts'
import { basicAuth } from './basic-auth.ts'
import { cache } from './cache.ts'
import { compress } from './compress.ts'
import type { PolicyContext } from './context.ts'
import { cors } from './cors.ts'
import { deny } from './deny.ts'
import { buildExtensionPolicy } from './extension-policy.ts'
import { forwardAuth } from './forward-auth.ts'
import { headers } from './headers.ts'
import { jwt } from './jwt.ts'
import { maintenance } from './maintenance.ts'
import { maxBody } from './max-body.ts'
import { methods } from './methods.ts'
import type { Policy } from './policy.ts'
import { rateLimit } from './rate-limit.ts'
import { securityHeaders } from './security-headers.ts'

/**
 * Every built-in policy, in the order in which they are asked: what costs nothing first. A row too few or too
 * many against `policySchemas` does not compile.
 */
export const policyTable = {
  maintenance,
  deny,
  allow,
  cors,
  methods,
  rateLimit,
  maxBody,
  basicAuth,
  jwt,
  forwardAuth,
  securityHeaders,
  headers,
  cache,
  compress,
} satisfies { [Name in PolicyName]: PolicyFactory<Name> }

/** Parses options once and answers the policy. Throws one sentence where the options cannot work. */
export type PolicyFactory<Name extends PolicyName> = (
  options: PolicyOptions<Name>,
  context: PolicyContext,
) => Policy

/** Options that the schema let through and that still cannot work, such as credentials for every origin. */
class PolicyOptionsError extends Error {
  readonly policy: PolicyName
  constructor(policy: PolicyName, sentence: string, options?: ErrorOptions) {
    super(`policies.${policy}: ${sentence}`, options)
    this.name = 'PolicyOptionsError'
    this.policy = policy
  }
}

/**
 * Builds the policies of one route, in the order in which they are asked: the built-in ones as in the table,
 * those that need the claims of a token after those that verify one, extensions last.
 *
 * Throws PolicyOptionsError for options that cannot work, and a GatehouseError `extension_broken` for an
 * extension that did not load or cannot be created: the caller closes that route and no other.
 */
export function buildPolicies(
  policies: RoutePolicies,
  context: PolicyContext,
  extensions: ReadonlyMap<string, Extension>,
): Policy[] {
  const builtin = (Object.keys(policyTable) as PolicyName[])
    .filter((name) => policies[name] !== undefined)
    .map((name) => buildBuiltin(name, context))
  const own = policies.extensions.map((use) => buildExtensionPolicy(use, extensions))
  const needing = builtin.filter((policy) => policy.needsClaims)
  return [...builtin.filter((policy) => !policy.needsClaims), ...needing, ...own]
}

function buildBuiltin(name: PolicyName, context: PolicyContext): Policy {
  // The row and the options carry the same name; the compiler loses that in a union of rows.
  const build = policyTable[name] as PolicyFactory<PolicyName>
  try {
    return build(context.policies[name] as PolicyOptions<PolicyName>, context)
  } catch (error) {
    throw new PolicyOptionsError(name, error instanceof Error ? error.message : String(error), {
      cause: error,
    })
  }
}
