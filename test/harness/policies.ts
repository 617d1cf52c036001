import { type PolicyName, type PolicyOptions, policySchemas } from '../../proxy/config/policy-schemas.ts'
import type { Facts } from '../../proxy/request/facts.ts'
import type { PolicyContext } from '../../proxy/request/policies/context.ts'
import type { ResponseHead } from '../../proxy/request/policies/policy.ts'
import { memoryLimits } from '../../proxy/request/policies/rate-limit.ts'
import { type SampleFacts, sampleFacts } from './facts.ts'

/** The WebSocket handshake of the client that `sampleFacts` has. `headers` are further ones, as a list. */
export function sampleUpgrade({ headers = [], ...rest }: SampleUpgrade = {}): Facts {
  const handshake = ['Connection', 'Upgrade', 'Upgrade', 'websocket', 'Sec-WebSocket-Version', '13']
  return sampleFacts({ ...rest, upgrade: true, headers: [...handshake, ...headers] })
}

interface SampleUpgrade extends Omit<SampleFacts, 'headers'> {
  headers?: readonly string[]
}

/** A route at `/` with no other policies. */
export function sampleContext(changes: Partial<PolicyContext> = {}): PolicyContext {
  return {
    route: 'example',
    paths: ['/'],
    paramNames: [],
    folder: '/nowhere',
    env: {},
    limits: memoryLimits(),
    policies: { extensions: [] },
    hasMiddleware: false,
    onBackgroundError: (message) => {
      throw new Error(message)
    },
    ...changes,
  }
}

/** Options as somebody writes them in routes.yaml, through the schema. */
export function readOptions<Name extends PolicyName>(name: Name, written: unknown): PolicyOptions<Name> {
  return policySchemas[name].parse(written) as PolicyOptions<Name>
}

/** The head of a response, its fields without a prototype as on the path. */
export function sampleHead(headers: Record<string, string | string[]> = {}, status = 200): ResponseHead {
  return { status, headers: Object.assign(Object.create(null), headers) }
}
