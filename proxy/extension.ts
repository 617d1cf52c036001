import type { IncomingMessage, ServerResponse } from 'node:http'
import type { z } from 'zod'
import type { Policy } from './request/policies/policy.ts'

/** The verdicts of a policy. */
export { deny, pass } from './request/policies/policy.ts'

/**
 * What a file named under `extensions:` in routes.yaml exports by default: a policy, or Express middleware.
 *
 *     export default definePolicy({
 *       options: z.strictObject({ team: z.string() }),
 *       create: ({ team }) => ({
 *         decide: (facts) =>
 *           facts.headers.get('x-team') === team ? pass : deny('policy_denied', 'is of another team'),
 *       }),
 *     })
 *
 * `options` is the schema of what stands in routes.yaml: a mistake there is shown with its line. `create` is called
 * once per route whenever the route table is built, and may throw a sentence to close that route.
 */
export interface PolicyExtension<Options = unknown> {
  readonly kind: 'policy'
  readonly options?: z.ZodType<Options>
  create(options: Options): PolicyHooks
}

export interface MiddlewareExtension<Options = unknown> {
  readonly kind: 'middleware'
  readonly options?: z.ZodType<Options>
  create(options: Options): MiddlewareHandler
}

/** A policy without what routes.yaml says of it: its name, and `mode`, which every extension has. */
export type PolicyHooks = Omit<Policy, 'name' | 'mode' | 'stillHolds'>

/** Express middleware. Written as a method, so that handlers typed with Express' own request and response fit. */
export type MiddlewareHandler = {
  handle(request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void): unknown
}['handle']

/** Without `options`, whatever stands in routes.yaml is handed to `create` unchecked. */
export function definePolicy<Options = unknown>(
  definition: Omit<PolicyExtension<Options>, 'kind'>,
): PolicyExtension<Options> {
  return { ...definition, kind: 'policy' }
}

export function defineMiddleware<Options = unknown>(
  definition: Omit<MiddlewareExtension<Options>, 'kind'>,
): MiddlewareExtension<Options> {
  return { ...definition, kind: 'middleware' }
}
