import type { PolicyOptions } from '../../config/policy-schemas.ts'
import type { Facts } from '../facts.ts'
import { deny, type HeaderEntry, type Policy, pass, type ResponseHeaders } from './policy.ts'

type Options = PolicyOptions<'cors'>

/**
 * Answers preflights, names the allowed origins on every response in place of what the upstream says of
 * them, and refuses WebSocket handshakes from other origins.
 *
 * A plain request from an unlisted origin passes without the fields: the browser keeps its script from
 * reading the response. That is all CORS promises; it is no access control. Observe mode only watches
 * WebSockets: it answers no preflight and leaves the upstream's fields alone.
 */
export function cors(options: Options): Policy {
  checkOptions(options)
  const grants = readOrigins(options.origins)
  const name = 'cors'
  if (options.mode === 'observe') {
    return { name, mode: 'observe', decide: (facts) => (facts.upgrade ? judgeUpgrade(facts, grants) : pass) }
  }
  const preflightFields = fieldsOfPreflight(options)
  const exposed = options.expose.join(', ')

  return {
    name,
    mode: 'enforce',
    decide: function cors(facts) {
      if (facts.upgrade) return judgeUpgrade(facts, grants)
      if (!isPreflight(facts)) return pass
      const origin = originOf(facts)
      const headers: HeaderEntry[] = [['vary', preflightVary]]
      if (origin === undefined || !grants(origin)) {
        return { verdict: 'answer', status: 204, reason: `preflight from ${origin ?? 'nowhere'}`, headers }
      }
      headers.push(...fieldsOfOrigin(options, origin), ...preflightFields)
      const asked = facts.headers.all('access-control-request-headers').join(', ')
      if (options.headers.length === 0 && asked !== '') headers.push(['access-control-allow-headers', asked])
      return { verdict: 'answer', status: 204, reason: `preflight granted to ${origin}`, headers }
    },
    editResponse: function setCorsFields(facts, head) {
      // Our own answer to a preflight is whole already.
      if (isPreflight(facts)) return
      for (const field in head.headers) if (field.startsWith('access-control-')) delete head.headers[field]
      addToVary(head.headers, 'Origin')
      const origin = originOf(facts)
      if (!grants.everyone && (origin === undefined || !grants(origin))) return
      for (const [field, value] of fieldsOfOrigin(options, origin ?? '*')) head.headers[field] = value
      if (exposed !== '') head.headers['access-control-expose-headers'] = exposed
    },
  }
}

const preflightVary = 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers'

/**
 * Browsers let any page open a WebSocket to anywhere, cookies included, and ask no preflight: the Origin field
 * of the handshake is the only defence against cross-site WebSocket hijacking. A client without the field is
 * no browser. The same host is the same site whatever its port, because cookies know no ports; but a page of
 * http:// is a stranger to https://, because whoever sits on the wire can write it.
 */
function judgeUpgrade(facts: Facts, grants: Grants) {
  const origin = originOf(facts)
  if (origin === undefined || grants(origin) || isSameSite(origin, facts)) return pass
  return deny('policy_denied', `WebSocket from the foreign origin ${origin}`)
}

function isSameSite(origin: string, facts: Facts): boolean {
  const [, scheme, host] = /^(https?):\/\/(\[[0-9a-f:.]+\]|[^:/]+)(?::\d+)?$/.exec(origin.toLowerCase()) ?? []
  return host === facts.host && (scheme === 'https' || !facts.secure)
}

/** Two Origin fields are joined, and so are equal to no origin: the upstream might believe the other one. */
function originOf(facts: Facts): string | undefined {
  const first = facts.headers.get('origin')
  return first === undefined ? undefined : facts.headers.all('origin').join(', ')
}

function isPreflight(facts: Facts): boolean {
  return (
    facts.method === 'OPTIONS' &&
    facts.headers.get('origin') !== undefined &&
    facts.headers.get('access-control-request-method') !== undefined
  )
}

function fieldsOfOrigin(options: Options, origin: string): HeaderEntry[] {
  const named = options.origins.includes('*') ? '*' : origin
  const fields: HeaderEntry[] = [['access-control-allow-origin', named]]
  if (options.credentials) fields.push(['access-control-allow-credentials', 'true'])
  return fields
}

function fieldsOfPreflight(options: Options): HeaderEntry[] {
  const fields: HeaderEntry[] = [
    ['access-control-allow-methods', options.methods.join(', ')],
    ['access-control-max-age', String(Math.floor(options.maxAge / 1000))],
  ]
  if (options.headers.length > 0) fields.push(['access-control-allow-headers', options.headers.join(', ')])
  return fields
}

function addToVary(headers: ResponseHeaders, name: string): void {
  const old = headers.vary
  const text = Array.isArray(old) ? old.join(', ') : old
  const names = (text ?? '')
    .toLowerCase()
    .split(',')
    .map((part) => part.trim())
  if (names.includes('*') || names.includes(name.toLowerCase())) return
  headers.vary = text ? `${text}, ${name}` : name
}

type Grants = ((origin: string) => boolean) & { readonly everyone: boolean }

/** `null`, the origin of sandboxed frames and local files, is anybody's: only `*` grants it. */
function readOrigins(origins: readonly string[]): Grants {
  const everyone = origins.includes('*')
  const exact = new Set(origins)
  const patterns = origins
    .filter((origin) => origin.includes('://*.'))
    .map((origin) => origin.split('*') as [before: string, after: string])
  const grants = function grants(origin: string): boolean {
    if (everyone || exact.has(origin)) return true
    return patterns.some(
      ([before, after]) =>
        origin.startsWith(before) &&
        origin.endsWith(after) &&
        /^[a-z0-9_-]+$/.test(origin.slice(before.length, -after.length)),
    )
  }
  return Object.assign(grants, { everyone })
}

function checkOptions(options: Options): void {
  for (const origin of options.origins) {
    if (
      origin !== '*' &&
      !/^[a-z][a-z0-9+.-]*:\/\/(\*\.)?([a-z0-9._-]+|\[[0-9a-f:.]+\])(:\d+)?$/.test(origin)
    )
      throw new Error(
        `"${origin}" is not an origin; write scheme and host in lower case and no path, such as https://app.example.com`,
      )
    if (/^(http:.*:80|https:.*:443)$/.test(origin))
      throw new Error(`"${origin}" names the default port, which browsers leave out`)
  }
  if (options.credentials && options.origins.includes('*'))
    throw new Error('origin "*" cannot have credentials; list the origins that may send cookies')
  for (const token of [...options.methods, ...options.headers, ...options.expose])
    if (!/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/.test(token))
      throw new Error(`"${token}" is not a name of a method or field`)
}
