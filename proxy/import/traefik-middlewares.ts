import { type Imported, type ImportedRoute, passwordsOf, removeField, setField } from './imported.ts'
import { type Block, block, listOf } from './traefik-syntax.ts'

/** What a middleware does besides adding policies. */
export interface MiddlewareEffect {
  readonly redirectToHttps?: boolean
  readonly redirect?: ImportedRoute['redirect']
  /** What is taken off. */
  readonly stripped?: readonly string[]
}

/** Where a middleware is applied, and how to tell of a part that has no counterpart. */
export interface Application {
  readonly policies: Record<string, unknown>
  readonly imported: Imported
  readonly leave: (part: string, why: string) => void
}

/**
 * Writes what a middleware means to the policies; undefined if it has no counterpart, and its routes stay closed if it
 * may guard. `kind` is in lower case.
 */
export function applyMiddleware(
  kind: string,
  options: Block,
  { policies, imported, leave }: Application,
): MiddlewareEffect | undefined {
  const tell = (known: readonly string[], why = 'has no counterpart here'): void => {
    for (const key of Object.keys(options))
      if (!known.some((each) => each.toLowerCase() === key.toLowerCase())) leave(key, why)
  }
  switch (kind) {
    case 'redirectscheme':
      return String(options.scheme) === 'https' ? { redirectToHttps: true } : undefined
    case 'stripprefix':
      return { stripped: listOf(options.prefixes) }
    case 'compress':
      policies.compress = true
      return {}
    case 'ipwhitelist':
    case 'ipallowlist':
      // Each of two would have to let pass, and here is one.
      if (policies.allow !== undefined || listOf(options.sourceRange ?? options.sourcerange).length === 0)
        return undefined
      policies.allow = listOf(options.sourceRange ?? options.sourcerange)
      tell(
        ['sourceRange', 'rejectStatusCode'],
        'whose word about a client is believed is said by `trustedProxies`',
      )
      return {}
    case 'ratelimit': {
      const average = Number(options.average ?? 0)
      const burst = Number(options.burst ?? 1)
      const seconds = secondsOf(String(options.period ?? '1s'))
      const criterion = block(options.sourceCriterion ?? options.sourcecriterion)
      const field = criterion.requestHeaderName ?? criterion.requestheadername
      const isOfHost = String(criterion.requestHost ?? criterion.requesthost ?? 'false') === 'true'
      if (!(average > 0) || seconds === undefined || policies.rateLimit !== undefined) return undefined
      // A window holds what the rate lets through in it, and the burst besides.
      const window = Math.max(60, seconds)
      const limit = Math.max(1, Math.floor((average * window) / seconds) + burst)
      const by = field === undefined ? (isOfHost ? 'route' : undefined) : `header:${String(field)}`
      policies.rateLimit = { limit, per: `${window}s`, ...(by && { by }) }
      tell(['average', 'burst', 'period', 'sourceCriterion'])
      leave('average', `counted in windows here: ${limit} in any ${window} s, which may come all at once`)
      return {}
    }
    case 'basicauth': {
      // Labels of a compose file write $ twice.
      const users = listOf(options.users).map((user) => user.replaceAll('$$', '$'))
      const file = options.usersFile ?? options.usersfile
      if ((file === undefined && users.length === 0) || policies.basicAuth !== undefined) return undefined
      policies.basicAuth = {
        users: file === undefined ? passwordsOf(imported, users) : String(file),
        ...(options.realm === undefined ? {} : { realm: options.realm }),
      }
      const field = options.headerField ?? options.headerfield
      if (field !== undefined) removeField({ policies }, 'request', String(field))
      tell(['users', 'usersFile', 'realm'], 'the user is told as X-Forwarded-User here')
      return {}
    }
    case 'forwardauth': {
      if (policies.forwardAuth !== undefined) return undefined
      const told = options.authResponseHeaders ?? options.authresponseheaders
      const shown = options.authRequestHeaders ?? options.authrequestheaders
      // Fields by a pattern would be those that a client could make up.
      if ((options.authResponseHeadersRegex ?? options.authresponseheadersregex) !== undefined)
        return undefined
      policies.forwardAuth = {
        url: String(options.address),
        ...(shown === undefined ? {} : { requestHeaders: listOf(shown) }),
        ...(told === undefined ? {} : { responseHeaders: listOf(told) }),
      }
      if (shown === undefined)
        leave('address', 'it is shown Authorization and Cookie; others by `requestHeaders`')
      tell(['address', 'authResponseHeaders', 'authRequestHeaders'])
      return {}
    }
    case 'buffering': {
      const most = Number(options.maxRequestBodyBytes ?? options.maxrequestbodybytes ?? 0)
      // Without a number, or with 0, it limits nothing.
      if (most > 0) policies.maxBody = `${most}B`
      return {}
    }
    case 'headers': {
      for (const way of ['request', 'response'] as const) {
        const key = `custom${way === 'request' ? 'Request' : 'Response'}Headers`
        for (const [field, value] of Object.entries(block(options[key] ?? options[key.toLowerCase()])))
          if (value === '' || value === null) removeField({ policies }, way, field)
          else setField({ policies }, way, field, String(value))
      }
      for (const [key, value] of Object.entries(options)) {
        const [field, own] = securityFields[key.toLowerCase()] ?? []
        if (field !== undefined) {
          if (!/^(false|0)$/.test(String(value)))
            setField({ policies }, 'response', field, own ?? String(value))
        } else if (/^sts(seconds|includesubdomains|preload|forceSTSHeader)$/i.test(key)) continue
        else if (!/^custom(request|response)headers$/i.test(key)) leave(key, 'has no counterpart here')
      }
      const lower = Object.fromEntries(
        Object.entries(options).map(([key, value]) => [key.toLowerCase(), String(value)]),
      )
      if (Number(lower.stsseconds ?? 0) > 0)
        setField(
          { policies },
          'response',
          'Strict-Transport-Security',
          `max-age=${lower.stsseconds}${lower.stsincludesubdomains === 'true' ? '; includeSubDomains' : ''}${lower.stspreload === 'true' ? '; preload' : ''}`,
        )
      return {}
    }
    default:
      return undefined
  }
}

/** `1m`, `500ms`, `10` as seconds. */
function secondsOf(text: string): number | undefined {
  const [, number, unit = 's'] = /^(\d+)(ms|s|m|h)?$/.exec(text) ?? []
  const units: Record<string, number> = { ms: 0.001, s: 1, m: 60, h: 3600 }
  return number === undefined ? undefined : Number(number) * (units[unit] ?? 1)
}

/** Options of `headers` that are one field of responses, with its value if the option only switches it on. */
const securityFields: Readonly<Record<string, readonly [field: string, value?: string]>> = {
  framedeny: ['X-Frame-Options', 'DENY'],
  customframeoptionsvalue: ['X-Frame-Options'],
  contenttypenosniff: ['X-Content-Type-Options', 'nosniff'],
  browserxssfilter: ['X-XSS-Protection', '1; mode=block'],
  contentsecuritypolicy: ['Content-Security-Policy'],
  referrerpolicy: ['Referrer-Policy'],
  permissionspolicy: ['Permissions-Policy'],
}

/** Whether a middleware without a counterpart may keep somebody out: then its routes stay closed. */
export function isGuard(kind: string): boolean {
  return !harmless.has(kind.toLowerCase())
}

const harmless: ReadonlySet<string> = new Set([
  'errors',
  'retry',
  'circuitbreaker',
  'inflightreq',
  'stripprefixregex',
  'passtlsclientcert',
  'contenttype',
  'addprefix',
  'replacepath',
  'replacepathregex',
  'redirectregex',
  'redirectscheme',
  'grpcweb',
])
