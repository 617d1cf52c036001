import { type Imported, type ImportedRoute, passwordsOf } from './imported.ts'
import { type Block, block, listOf } from './traefik-syntax.ts'

/** What a middleware does besides adding policies. */
export interface MiddlewareEffect {
  readonly redirectToHttps?: boolean
  readonly redirect?: ImportedRoute['redirect']
  readonly prefix?: string
}

/** Writes what a middleware means to the policies; undefined if it has no counterpart. `kind` is in lower case. */
export function applyMiddleware(
  kind: string,
  options: Block,
  { policies, imported }: { policies: Record<string, unknown>; imported: Imported },
): MiddlewareEffect | undefined {
  switch (kind) {
    case 'redirectscheme':
      return String(options.scheme) === 'https' ? { redirectToHttps: true } : undefined
    case 'stripprefix':
      return { prefix: 'strip' }
    case 'compress':
      policies.compress = true
      return {}
    case 'ipwhitelist':
    case 'ipallowlist':
      policies.allow = listOf(options.sourceRange ?? options.sourcerange)
      return {}
    case 'ratelimit': {
      const average = Number(options.average ?? 0)
      const burst = Number(options.burst ?? 0)
      policies.rateLimit = { limit: average * 60 + burst, per: '1m' }
      return average > 0 ? {} : undefined
    }
    case 'basicauth': {
      // Labels of a compose file write $ twice.
      const users = listOf(options.users).map((user) => user.replaceAll('$$', '$'))
      const file = options.usersFile ?? options.usersfile
      if (file === undefined && users.length === 0) return undefined
      policies.basicAuth = {
        users: file === undefined ? passwordsOf(imported, users) : String(file),
        ...(options.realm === undefined ? {} : { realm: options.realm }),
      }
      return {}
    }
    case 'forwardauth':
      policies.forwardAuth = { url: String(options.address) }
      return {}
    case 'buffering': {
      const most = Number(options.maxRequestBodyBytes ?? options.maxrequestbodybytes ?? 0)
      // Without a number, or with 0, it limits nothing.
      if (most > 0) policies.maxBody = `${most}B`
      return {}
    }
    case 'headers': {
      const response = block(options.customResponseHeaders ?? options.customresponseheaders)
      const request = block(options.customRequestHeaders ?? options.customrequestheaders)
      policies.headers = {
        ...(Object.keys(response).length === 0 ? {} : { response: { set: response } }),
        ...(Object.keys(request).length === 0 ? {} : { request: { set: request } }),
      }
      return Object.keys(policies.headers as object).length > 0 ? {} : undefined
    }
    default:
      return undefined
  }
}

/** Whether a middleware without a counterpart may keep somebody out: then its routes stay closed. */
export function isGuard(kind: string): boolean {
  return !harmless.has(kind.toLowerCase())
}

const harmless: ReadonlySet<string> = new Set([
  'headers',
  'errors',
  'retry',
  'circuitbreaker',
  'inflightreq',
  'passtlsclientcert',
  'contenttype',
  'addprefix',
  'replacepath',
  'replacepathregex',
  'redirectregex',
  'redirectscheme',
  'grpcweb',
])
