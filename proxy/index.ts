/** What programs may import: a Gatehouse inside a server of theirs, and extensions for routes.yaml. */
export type { ConfigProblem, LoadedConfig } from './config/loaded.ts'
export { type Embedded, type EmbedSettings, embed } from './embed.ts'
export { type ErrorCode, errors } from './errors.ts'
export {
  defineMiddleware,
  definePolicy,
  type MiddlewareExtension,
  type MiddlewareHandler,
  type PolicyExtension,
  type PolicyHooks,
} from './extension.ts'
export type { ClientCertificate, Facts, HeaderFields } from './request/facts.ts'
export {
  type Answer,
  type Deny,
  deny,
  type HeaderEntry,
  type Pass,
  pass,
  type RequestHeaders,
  type ResponseHead,
  type ResponseHeaders,
  type Verdict,
} from './request/policies/policy.ts'
