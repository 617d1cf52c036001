import { type PolicyName, policySchemas } from '../../proxy/config/policy-schemas.ts'

/** Options of a policy with which it refuses somebody, and whom. The client is at 127.0.0.1. */
export interface Refusing {
  /** As written in routes.yaml. */
  readonly refuses: object | true | readonly string[]
  readonly headers?: Readonly<Record<string, string>>
  /** Sent with POST. An upgrade has no body, and one that says so is refused before any policy is asked. */
  readonly body?: string
  /** Asked this often before, because only the next is refused. */
  readonly before?: number
  /** A plain request passes by design, and only the upgrade is refused. */
  readonly requestsPass?: true
}

/** Options of a policy that decides nothing, and what shows on a response that it was there. */
export interface Adding {
  readonly adds: object | true
  /** Sent with the request, because nothing is added for others. */
  readonly headers?: Readonly<Record<string, string>>
  shows(fields: Readonly<Record<string, unknown>>): boolean
  /** It adds to pages alone, and nothing to redirects and refusals. */
  readonly pagesAlone?: true
}

export type PolicySample = Refusing | Adding

/** One for each policy: a policy without one does not compile. */
export const policySamples: Readonly<Record<PolicyName, PolicySample>> = {
  maintenance: { refuses: true },
  deny: { refuses: ['127.0.0.0/8'] },
  allow: { refuses: ['10.0.0.0/8'] },
  cors: {
    refuses: { origins: ['https://app.test'] },
    headers: { origin: 'https://evil.test' },
    requestsPass: true,
  },
  methods: { refuses: ['PUT'] },
  rateLimit: { refuses: { limit: 1 }, before: 1 },
  maxBody: { refuses: { size: '1B' }, body: 'hi' },
  basicAuth: { refuses: { users: 'users' } },
  jwt: { refuses: { key: 'env:KEY' } },
  // Port 1: nobody answers there, and whom nobody vouches for is refused.
  forwardAuth: { refuses: { url: 'http://127.0.0.1:1/' } },
  securityHeaders: { adds: true, shows: (fields) => fields['x-frame-options'] === 'SAMEORIGIN' },
  headers: { adds: { response: { set: { 'x-a': '1' } } }, shows: (fields) => fields['x-a'] === '1' },
  cache: {
    adds: { rules: [{ maxAge: '1h' }] },
    shows: (fields) => fields['cache-control'] === 'public, max-age=3600',
    pagesAlone: true,
  },
  compress: {
    adds: true,
    headers: { 'accept-encoding': 'gzip' },
    shows: (fields) => fields['content-encoding'] === 'gzip',
    pagesAlone: true,
  },
}

/** What the samples name: a file of users beside routes.yaml, and a key in the environment. */
export const sampleUsers = 'ann:{SHA}qUqP5cyxm6YcTAhz05Hph5gvu9M=\n'
export const sampleEnvironment = { KEY: 'k'.repeat(32) }

/** The options of a refusing sample with `mode: observe`, in the long form that takes it. */
export function observing(name: PolicyName, { refuses }: Refusing): object {
  if (refuses === true) return { mode: 'observe' }
  if (!Array.isArray(refuses)) return { ...refuses, mode: 'observe' }
  // A list is short for `networks` or for `allow`: the schema knows which, and refuses the other.
  const forms = [
    { networks: refuses, mode: 'observe' },
    { allow: refuses, mode: 'observe' },
  ]
  const fitting = forms.find((form) => policySchemas[name].safeParse(form).success)
  if (fitting === undefined)
    throw new Error(
      `the options of ${name} take no \`mode: observe\`, or its sample has to be in the long form`,
    )
  return fitting
}
