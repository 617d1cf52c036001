import { closedUntilDecided, closeRoute } from './guards.ts'
import type { ImportedRoute } from './imported.ts'
import { ageOf, destinationOf, leaveOut, type Site } from './nginx-site.ts'
import type { Directive } from './nginx-syntax.ts'

/**
 * What a directive says of a route. Answers false for one that has no counterpart. `location`: as it is written, because
 * its last slash decides what becomes of the prefix.
 */
export function applyRule(rule: Directive, route: ImportedRoute, site: Site, location: string): boolean {
  const apply = rules[rule.name]
  if (apply === undefined) return isOurs(rule)
  apply(rule, route, { site, location })
  return true
}

/** Why a directive is left out. */
export function whyLeftOut(rule: Directive): string {
  if (isGuard(rule)) return `what guards has no counterpart here: ${closedUntilDecided}`
  return whys[rule.name] ?? 'has no counterpart here'
}

/** Whether a directive keeps somebody out. What is left out of these closes its route. */
export function isGuard({ name, block = [] }: Directive): boolean {
  if (name === 'if')
    return block.some((rule) => /^(deny|return)$/.test(rule.name) && !/^[123]/.test(rule.args[0] ?? ''))
  return /^(auth_(?!basic)|access_by|rewrite_by|internal$|secure_link|valid_referers|modsecurity|perl$)/.test(
    name,
  )
}

/** Whether this proxy does by itself what the directive asks for, or another part of the import reads it. */
export function isOurs({ name, args }: Directive): boolean {
  if (Object.hasOwn(rules, name)) return true
  if (name === 'satisfy') return args[0] === 'all'
  if (name === 'autoindex') return args[0] === 'off'
  if (name === 'include') return /(mime\.types|fastcgi_params|options-ssl-nginx\.conf)$/.test(args[0] ?? '')
  if (name === 'proxy_set_header') return setByUs.test(args[0] ?? '')
  return byItself.has(name)
}

// --- internal ---

interface Context {
  readonly site: Site
  readonly location: string
}

/** Fields that are set for every upstream. */
const setByUs =
  /^(X-Real-IP|X-Forwarded-(For|Proto|Host|Port|Server|Ssl|Prefix)|Forwarded|Upgrade|Connection|X-Request-ID)$/i

const whys: Readonly<Record<string, string>> = {
  include: 'what it names is not read; `nginx -T` prints all in one',
  error_page: 'errors of the proxy itself have a page here; what a service answers goes through as it is',
  ssl_stapling: 'not done here; authorities give it up (Let’s Encrypt did in 2025), and browsers do not ask',
  ssl_stapling_verify:
    'not done here; authorities give it up (Let’s Encrypt did in 2025), and browsers do not ask',
  satisfy: 'whatever guards a route is asked, all of it',
  autoindex: 'folders are not listed here',
  rewrite:
    'a prefix is kept, stripped or replaced (`forward.prefix`), or the path redirected; the rest is the service’s own',
  fastcgi_pass: 'services speak HTTP here: put php-fpm behind a server of its own',
}

const byItself = new Set([
  'listen',
  'server_name',
  'location',
  'ssl_certificate',
  'ssl_certificate_key',
  'ssl_protocols',
  'ssl_ciphers',
  'ssl_prefer_server_ciphers',
  'ssl_session_cache',
  'ssl_session_timeout',
  'ssl_session_tickets',
  'http2',
  'proxy_http_version',
  'proxy_buffering',
  'proxy_cache',
  'proxy_request_buffering',
  'proxy_redirect',
  'proxy_cache_bypass',
  'tcp_nodelay',
  'tcp_nopush',
  'sendfile',
  'keepalive_timeout',
  'error_log',
  'index',
  'gzip_vary',
  'gzip_types',
  'gzip_min_length',
  'gzip_comp_level',
  'gzip_proxied',
  'server_tokens',
  'types',
  'default_type',
  'charset',
  'proxy_buffers',
  'proxy_buffer_size',
  'proxy_busy_buffers_size',
  'proxy_ssl_server_name',
  'log_not_found',
])

const rules: Readonly<Record<string, (rule: Directive, route: ImportedRoute, context: Context) => void>> = {
  proxy_pass({ name, args, line }, route, { site, location }) {
    const destination = destinationOf(args[0] ?? '', site)
    if (destination === undefined)
      return leaveOut(
        site.imported,
        { name, args, line },
        'an address with variables is not known beforehand',
      )
    route.to = destination.to
    route.host = destination.host
    if (destination.uri === undefined) return
    // nginx puts the address's path in the place of the location, byte by byte.
    const prefix = (destination.uri + (location.endsWith('/') ? '' : '/')).replace(/\/+$/, '')
    const kept = location.replace(/\/+$/, '')
    if (prefix !== kept) route.prefix = prefix === '' ? 'strip' : prefix
  },
  proxy_set_header({ name, args, line }, route, { site }) {
    const [field = '', value = ''] = args
    if (/^host$/i.test(field)) {
      if (value === '$proxy_host') return
      route.host = value.startsWith('$') ? undefined : value
    } else if (setByUs.test(field)) return
    else if (value.includes('$'))
      leaveOut(site.imported, { name, args, line }, 'a field with variables is not known beforehand')
    else set(route, 'request', field, value)
  },
  proxy_ssl_verify({ args }, route, { site }) {
    const upstream = route.to === undefined ? undefined : site.imported.upstreams.get(route.to)
    if (args[0] === 'off' && upstream !== undefined) upstream.tls = { insecureSkipVerify: true }
  },
  proxy_read_timeout({ args }, route) {
    route.timeouts = { ...route.timeouts, response: timeOf(args[0]), idle: timeOf(args[0]) }
  },
  proxy_send_timeout() {},
  proxy_connect_timeout({ args }, route, { site }) {
    const upstream = route.to === undefined ? undefined : site.imported.upstreams.get(route.to)
    if (upstream !== undefined) upstream.connectTimeout = timeOf(args[0])
  },
  add_header({ args }, route) {
    const [field = '', value = ''] = args
    if (!value.includes('$')) set(route, 'response', field, value)
  },
  client_max_body_size({ args }, route) {
    const [, number = '0', unit = ''] = /^(\d+)([kmg]?)$/i.exec(args[0] ?? '') ?? []
    if (number !== '0') route.policies.maxBody = `${number}${unit === '' ? '' : unit.toUpperCase()}B`
  },
  // All lines of access together are read by their order, where the location is.
  allow() {},
  deny() {},
  limit_except({ args, block = [] }, route) {
    const isClosed = block.length === 1 && block[0]?.name === 'deny' && block[0].args[0] === 'all'
    if (isClosed) route.policies.methods = args
    else closeRoute(route)
  },
  auth_basic({ args }, route) {
    if (args[0] === 'off') delete route.policies.basicAuth
    else route.policies.basicAuth = { ...(route.policies.basicAuth as object), realm: args[0] }
  },
  auth_basic_user_file({ args }, route) {
    route.policies.basicAuth = { users: args[0], ...(route.policies.basicAuth as object) }
  },
  limit_req({ name, args, line }, route, { site }) {
    const zone = /zone=(\S+)/.exec(args.join(' '))?.[1] ?? ''
    const rate = site.zones.get(zone)
    if (rate === undefined) return leaveOut(site.imported, { name, args, line }, `there is no zone ${zone}`)
    const burst = Number(/burst=(\d+)/.exec(args.join(' '))?.[1] ?? 0)
    // A window of a minute holds what the rate lets through in it, and the burst besides.
    const perMinute = rate.per === '1s' ? rate.limit * 60 : rate.limit
    route.policies.rateLimit = { limit: perMinute + burst, per: '1m' }
  },
  gzip({ args }, route) {
    if (args[0] === 'on') route.policies.compress = true
  },
  expires({ args }, route) {
    if (/^\d|^max$/.test(args[0] ?? ''))
      route.policies.cache = { rules: [{ maxAge: ageOf(args[0] ?? '') }], override: true }
  },
  root({ args }, route, { location }) {
    if (route.to !== undefined || route.redirect !== undefined) return
    const below = location === '/' ? '' : location.replace(/\/+$/, '')
    const spa = typeof route.files === 'object' && route.files.spa
    const root = `${(args[0] ?? '').replace(/\/+$/, '')}${below}`
    route.files = spa ? { root, spa } : root
  },
  alias({ args }, route) {
    route.files = (args[0] ?? '').replace(/(.)\/+$/, '$1')
  },
  try_files({ args }, route) {
    if (!/index\.html$/.test(args.at(-1) ?? '')) return
    const root = typeof route.files === 'object' ? route.files.root : (route.files ?? '')
    if (route.to === undefined) route.files = { root, spa: true }
  },
  return({ name, args, line }, route, { site }) {
    const status = args.length > 1 ? Number(args[0]) : 302
    const location = (args.at(-1) ?? '')
      .replaceAll('$request_uri', '{path}{query}')
      .replaceAll('$uri', '{path}')
    if (![301, 302, 303, 307, 308].includes(status) || location.includes('$'))
      return leaveOut(
        site.imported,
        { name, args, line },
        'a redirect leads to an address that is written out',
      )
    route.redirect = { location, status }
    delete route.files
    delete route.to
  },
  access_log({ args }, route) {
    if (args[0] !== undefined) route.accessLog = args[0] !== 'off' && args[0]
  },
}

function set(route: ImportedRoute, way: 'request' | 'response', field: string, value: string): void {
  const headers = (route.policies.headers ?? {}) as Record<string, { set: Record<string, string> }>
  route.policies.headers = { ...headers, [way]: { set: { ...headers[way]?.set, [field]: value } } }
}

/** nginx's `60` and `1h30m` are seconds, or added up. */
function timeOf(text = '60s'): string {
  const parts = [...text.matchAll(/(\d+)(ms|[smhd])?/g)]
  if (parts.length === 1) return /[a-z]$/.test(text) ? text : `${text}s`
  const units: Record<string, number> = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86_400 }
  return `${parts.reduce((sum, [, number, unit = 's']) => sum + Number(number) * (units[unit] ?? 1), 0)}s`
}
