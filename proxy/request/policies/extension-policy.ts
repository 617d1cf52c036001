import { validateHeaderName, validateHeaderValue } from 'node:http'
import type { Extension, RoutePolicies } from '../../config/loaded.ts'
import { errors, GatehouseError } from '../../errors.ts'
import type { HeaderEntry, Policy, ResponseHead, Verdict } from './policy.ts'

/** What the `create` of an extension makes: a policy without what the route file says of it. */
export type ExtensionPolicy = Omit<Policy, 'name' | 'mode' | 'stillHolds'>

/**
 * Builds a policy from a file of the user's. `mode` is ours and not shown to it. Throws `extension_broken`,
 * naming the extension, for whatever keeps it from working; the caller then closes that route alone.
 */
export function buildExtensionPolicy(
  use: RoutePolicies['extensions'][number],
  extensions: ReadonlyMap<string, Extension>,
): Policy {
  const { name } = use
  const extension = extensions.get(name)
  if (extension === undefined) throw broken(name, 'is not loaded')
  if ('broken' in extension) throw broken(name, `did not load: ${extension.broken}`)
  if (extension.kind !== 'policy') throw broken(name, 'is middleware, which stands under `middleware`')
  const { mode, options } = splitMode(use)
  let made: unknown
  try {
    made = extension.create(options)
  } catch (error) {
    throw broken(
      name,
      `could not be created: ${error instanceof Error ? error.message : String(error)}`,
      error,
    )
  }
  return { ...checkPolicy(name, made), name, mode }
}

function splitMode({ name, options }: RoutePolicies['extensions'][number]) {
  if (typeof options !== 'object' || options === null || Array.isArray(options))
    return { mode: 'enforce', options } as const
  const { mode = 'enforce', ...rest } = options as { mode?: unknown }
  if (mode !== 'enforce' && mode !== 'observe') throw broken(name, '`mode` is neither enforce nor observe')
  return { mode, options: rest } as const
}

const hooks = ['decide', 'editResponse', 'editRequest', 'encodeBody'] as const

/** Binds the hooks, so that an extension may be an object with `this`, and checks what it decides. */
function checkPolicy(name: string, made: unknown): ExtensionPolicy {
  if (typeof made !== 'object' || made === null || 'then' in made)
    throw broken(name, 'made no policy: `create` answers an object with hooks, and not by promise')
  const given = made as ExtensionPolicy
  const bound: { -readonly [Key in keyof ExtensionPolicy]: ExtensionPolicy[Key] } = {}
  if (given.fixedHeaders !== undefined) {
    try {
      checkFields(given.fixedHeaders)
    } catch (error) {
      throw broken(name, `has fixed headers that cannot be sent: ${String(error)}`, error)
    }
    bound.fixedHeaders = given.fixedHeaders
  }
  if (given.bodyLimit !== undefined) bound.bodyLimit = given.bodyLimit
  if (given.needsClaims !== undefined) bound.needsClaims = given.needsClaims
  for (const hook of hooks) {
    if (given[hook] !== undefined && typeof given[hook] !== 'function')
      throw broken(name, `has a \`${hook}\` that is no function`)
  }
  const decide = given.decide?.bind(given)
  if (decide) {
    bound.decide = function decideByExtension(facts) {
      const verdict = decide(facts)
      return verdict instanceof Promise ? verdict.then(checkVerdict) : checkVerdict(verdict)
    }
  }
  const editResponse = given.editResponse?.bind(given)
  if (editResponse) {
    bound.editResponse = function editByExtension(facts, head) {
      editResponse(facts, head)
      checkHead(head)
    }
  }
  if (given.editRequest) bound.editRequest = given.editRequest.bind(given)
  if (given.encodeBody) bound.encodeBody = given.encodeBody.bind(given)
  if (Object.keys(bound).length === 0) throw broken(name, 'has no hook, so it would do nothing')
  return bound
}

/** What cannot be sent throws here, where it is a refusal, and not when the response is half written. */
function checkVerdict(verdict: Verdict): Verdict {
  if (verdict.verdict === 'answer') {
    if (!Number.isInteger(verdict.status) || verdict.status < 200 || verdict.status > 599)
      throw new Error(`${verdict.status} is no status to answer with`)
    checkFields(verdict.headers)
    return verdict
  }
  if (verdict.verdict === 'deny' && !Object.hasOwn(errors, verdict.code))
    throw new Error(`"${verdict.code}" is no code of the catalogue`)
  if (verdict.verdict === 'pass' && verdict.requestHeaders) checkFields(verdict.requestHeaders)
  if (verdict.responseHeaders) checkFields(verdict.responseHeaders)
  return verdict
}

/**
 * Node writes any value over HTTP/2, and the next hop may speak HTTP/1.1: a line break would end the field there. What
 * cannot be sent leaves the head, too, because the error page that follows is edited by the same extension.
 */
function checkHead({ headers }: ResponseHead): void {
  for (const name in headers) {
    try {
      checkFields([headers[name] ?? []].flat().map((value) => [name, value]))
    } catch (error) {
      delete headers[name]
      throw error
    }
  }
}

function checkFields(fields: readonly HeaderEntry[]): void {
  for (const [name, value] of fields) {
    validateHeaderName(name)
    validateHeaderValue(name, value)
  }
}

function broken(name: string, why: string, cause?: unknown): GatehouseError {
  return new GatehouseError('extension_broken', `extension "${name}" ${why}`, { cause })
}
