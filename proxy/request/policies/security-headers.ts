import type { IncomingMessage, ServerResponse } from 'node:http'
import helmet, { contentSecurityPolicy, type HelmetOptions } from 'helmet'
import type { PolicyOptions } from '../../config/policy-schemas.ts'
import type { HeaderEntry, Policy, ResponseHead } from './policy.ts'

type Options = PolicyOptions<'securityHeaders'>

/**
 * Security fields by helmet. What they are depends on the configuration alone, so helmet runs once, here, and
 * costs nothing on the path.
 *
 * Helmet's default Content-Security-Policy is not sent: it stops inline scripts and foreign fonts of
 * applications that were not written for it, and a proxy that breaks applications by default gets switched
 * off. A policy in routes.yaml is sent as it stands there, with `frame-ancestors` from `frame` if it names none.
 * Strict-Transport-Security goes over encrypted connections only (RFC 6797 §7.2).
 */
export function securityHeaders(options: Options): Policy {
  const { fields, removed } = capture(options)
  const always = fields.filter(([name]) => name !== hsts)
  const encryptedOnly = fields.filter(([name]) => name === hsts)
  const common = { name: 'securityHeaders', mode: options.mode } as const
  if (!options.override) {
    return {
      ...common,
      editResponse: function completeSecurityFields(facts, head) {
        complete(head, facts.secure ? fields : always)
      },
    }
  }
  return {
    ...common,
    fixedHeaders: always,
    editResponse: function replaceSecurityFields(facts, head) {
      for (const name of removed) delete head.headers[name]
      if (facts.secure) for (const [name, value] of encryptedOnly) head.headers[name] = value
      else delete head.headers[hsts]
    },
  }
}

const hsts = 'strict-transport-security'

function complete(head: ResponseHead, fields: readonly HeaderEntry[]): void {
  if (head.status === 101) return
  for (const [name, value] of fields) head.headers[name] ??= value
}

/** Runs helmet against a response that only writes down what it is told. Throws helmet's sentence. */
function capture(options: Options): { fields: readonly HeaderEntry[]; removed: readonly string[] } {
  const fields = new Map<string, string>()
  const removed: string[] = []
  const response = {
    setHeader: (name: string, value: string) => fields.set(name.toLowerCase(), value),
    removeHeader: (name: string) => removed.push(name.toLowerCase()),
  }
  let failure: unknown
  helmet(helmetOptions(options))({} as IncomingMessage, response as unknown as ServerResponse, (error) => {
    failure = error
  })
  if (failure !== undefined) throw failure
  const permissions = permissionsOf(options)
  if (permissions !== '') fields.set('permissions-policy', permissions)
  return { fields: [...fields], removed }
}

/** A structured field (RFC 8941), which helmet does not write: `camera=(), geolocation=(self "https://a.test")`. */
function permissionsOf({ permissionsPolicy = {} }: Options): string {
  const allowed = (who: string): string => (who.includes(':') ? `"${who}"` : who)
  return Object.entries(permissionsPolicy)
    .map(([feature, list]) => `${feature}=${list.includes('*') ? '*' : `(${list.map(allowed).join(' ')})`}`)
    .join(', ')
}

function helmetOptions(options: Options): HelmetOptions {
  return {
    contentSecurityPolicy: policyOf(options),
    xFrameOptions:
      options.frame === 'any' ? false : { action: options.frame === 'deny' ? 'deny' : 'sameorigin' },
    strictTransportSecurity: options.hsts && {
      maxAge: Math.floor(options.hsts.maxAge / 1000),
      includeSubDomains: options.hsts.includeSubDomains,
      preload: options.hsts.preload,
    },
    // helmet's own `no-referrer` makes browsers post forms with `Origin: null`, which the CSRF checks of many apps refuse.
    referrerPolicy: { policy: 'strict-origin-when-cross-origin' },
    ...isolation[options.crossOrigin],
  }
}

type Isolation = Pick<
  HelmetOptions,
  'crossOriginResourcePolicy' | 'crossOriginOpenerPolicy' | 'crossOriginEmbedderPolicy'
>

/**
 * `same-site` keeps `window.opener` for the pop-ups that a page opens itself: helmet's plain `same-origin`
 * breaks signing in through another site's window.
 */
const isolation: Readonly<Record<Options['crossOrigin'], Isolation>> = {
  isolate: {
    crossOriginResourcePolicy: { policy: 'same-origin' },
    crossOriginOpenerPolicy: { policy: 'same-origin' },
    crossOriginEmbedderPolicy: { policy: 'require-corp' },
  },
  'same-site': {
    crossOriginResourcePolicy: { policy: 'same-site' },
    crossOriginOpenerPolicy: { policy: 'same-origin-allow-popups' },
  },
  any: { crossOriginResourcePolicy: { policy: 'cross-origin' }, crossOriginOpenerPolicy: false },
}

const frameAncestors = { deny: ["'none'"], 'same-origin': ["'self'"], any: undefined } as const

function policyOf(options: Options): HelmetOptions['contentSecurityPolicy'] {
  const { contentSecurityPolicy: stated } = options
  if (!stated) return false
  const named = (directive: string) =>
    Object.keys(stated).some((key) => key.toLowerCase().replaceAll('-', '') === directive.replaceAll('-', ''))
  const ancestors = named('frame-ancestors') ? undefined : frameAncestors[options.frame]
  return {
    useDefaults: false,
    directives: {
      ...(named('default-src') ? {} : { 'default-src': contentSecurityPolicy.dangerouslyDisableDefaultSrc }),
      ...stated,
      ...(ancestors && { 'frame-ancestors': ancestors }),
    },
  }
}
