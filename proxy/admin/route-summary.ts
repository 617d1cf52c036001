import { redact, redacted, redactUrl } from '../observability/redaction.ts'
import type { Route } from '../request/match/route.ts'
import { isWell, type Target } from '../upstreams/target.ts'

/** A route as the admin listener shows it: what it matches, who may pass, where it goes, and who is there. */
export interface RouteSummary {
  name: string
  /** Its place: `routes.yaml:42`. */
  rule: string
  listeners: string[]
  /** Empty: every host. */
  hosts: string[]
  paths: string[]
  exact: boolean
  methods?: string[]
  policies: PolicySummary[]
  middleware: string[]
  destination: DestinationSummary
  /** Whether an exchange would be served now, as far as is known. */
  available: boolean
}

interface PolicySummary {
  name: string
  mode: string
  /** As in routes.yaml, secrets hidden. Not of extensions, whose options nobody here can judge. */
  options?: unknown
}

type DestinationSummary =
  | { kind: 'upstream'; upstream: string; keyed: boolean; leased: boolean; targets: TargetSummary[] }
  | { kind: 'files'; root: string }
  | { kind: 'redirect'; location: string; status: number }
  | { kind: 'closed'; reason: string }

interface TargetSummary {
  address: string
  well: boolean
  inFlight: number
}

/**
 * Holds no secret: key material and password files are named in the configuration and not read here, and what
 * may be a credential is hidden.
 */
export function summariseRoute(route: Route, now = Date.now()): RouteSummary {
  const { config } = route
  const destination = summariseDestination(route, now)
  return {
    name: route.name,
    rule: route.rule,
    listeners: [...route.listeners],
    hosts: [...(config.match.host ?? [])],
    paths: [...config.match.path],
    exact: config.match.exact,
    methods: route.methods && [...route.methods],
    policies: summarisePolicies(route),
    middleware: config.middleware.map(({ use }) => use),
    destination,
    available: isAvailable(destination),
  }
}

// --- internal ---

function summarisePolicies({ config }: Route): PolicySummary[] {
  const { extensions, ...builtin } = config.policies
  const summaries = Object.entries(builtin).flatMap(([name, given]): PolicySummary[] => {
    if (given === undefined) return []
    const { mode, ...options } = given
    return [{ name, mode, options: hideSecrets(options) }]
  })
  for (const { name, options } of extensions)
    summaries.push({ name, mode: (options as { mode?: string } | undefined)?.mode ?? 'enforce' })
  return summaries
}

/** Fields sent to an upstream are often its credentials, whatever they are called. */
function hideSecrets(options: object): unknown {
  const { request, ...others } = options as { request?: { set?: object; add?: object; remove?: unknown } }
  const shown = withBareUrls(redact(others)) as object
  if (request === undefined) return shown
  const { set = {}, add = {}, remove } = request
  return { ...shown, request: { set: hideValues(set), add: hideValues(add), remove } }
}

function hideValues(fields: object): Record<string, string> {
  return Object.fromEntries(Object.keys(fields).map((name) => [name, redacted]))
}

function withBareUrls(value: unknown): unknown {
  if (typeof value === 'string') return /^([a-z]+:)?\/\//i.test(value) ? redactUrl(value) : value
  if (Array.isArray(value)) return value.map(withBareUrls)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, withBareUrls(inner)]))
}

function summariseDestination({ destination, config }: Route, now: number): DestinationSummary {
  switch (destination.kind) {
    case 'upstream': {
      const { upstream, keyParam } = destination
      return {
        kind: 'upstream',
        upstream: upstream.name,
        keyed: keyParam !== undefined,
        leased: upstream.config.leased,
        targets: upstream.targets().map((target) => summariseTarget(target, now)),
      }
    }
    case 'files':
      return { kind: 'files', root: config.files?.root ?? destination.root }
    case 'redirect':
      return {
        kind: 'redirect',
        location: redactUrl(config.redirect?.location ?? ''),
        status: destination.status,
      }
    case 'closed':
      return { kind: 'closed', reason: String(redact(destination.reason)) }
  }
}

function summariseTarget(target: Target, now: number): TargetSummary {
  return { address: redactUrl(target.address.text), well: isWell(target, now), inFlight: target.inFlight }
}

function isAvailable(destination: DestinationSummary): boolean {
  if (destination.kind === 'closed') return false
  // Who is there depends on the key, which only a request has.
  if (destination.kind !== 'upstream' || destination.keyed) return true
  return destination.targets.some(({ well }) => well)
}
