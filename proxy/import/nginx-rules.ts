import { closedUntilDecided, closeRoute } from './guards.ts'
import { type ImportedRoute, removeField, setField } from './imported.ts'
import { isGuard } from './nginx-guards.ts'
import { ageOf, destinationOf, leaveOut, type Site } from './nginx-site.ts'
import type { Directive } from './nginx-syntax.ts'

/**
 * What a directive says of a route. Answers false for one that has no counterpart. `location`: as it is written, because
 * its last slash decides what becomes of the prefix.
 */
export function applyRule(rule: Directive, route: ImportedRoute, site: Site, location: string): boolean {
  if (rule.name === 'rewrite') return applyRewrite(rule, route, location)
  const apply = rules[rule.name]
  if (apply === undefined) return isOurs(rule)
  apply(rule, route, { site, location })
  return true
}

/** Why a directive is left out. */
export function whyLeftOut(rule: Directive): string {
  if (rule.name === 'include' && isGuard(rule)) return `${whys.include}: ${closedUntilDecided}`
  if (isGuard(rule)) return `what may guard has no counterpart here: ${closedUntilDecided}`
  return whys[rule.name] ?? 'has no counterpart here'
}

/** Whether this proxy does by itself what the directive asks for, or another part of the import reads it. */
export function isOurs({ name, args }: Directive): boolean {
  if (Object.hasOwn(rules, name)) return true
  if (name === 'satisfy') return args[0] === 'all'
  if (name === 'autoindex') return args[0] === 'off'
  if (name === 'include') return ownFiles.test(args[0] ?? '')
  if (name === 'set') return !(args[1] ?? '$').includes('$')
  return byItself.has(name)
}

// --- internal ---

interface Context {
  readonly site: Site
  readonly location: string
}

/** Fields that are set for every upstream, or belong to the connection. */
const setByUs =
  /^(X-Real-IP|X-Forwarded-(For|Proto|Host|Prefix)|Forwarded|Upgrade|Connection|X-Request-ID|TE|Expect|Keep-Alive|Sec-WebSocket-.*|Content-Length|Transfer-Encoding)$/i

/** What these say is done here, or about others than who may come. */
const ownFiles = /(mime\.types|(fastcgi|uwsgi|scgi)_params|fastcgi\.conf|options-ssl-nginx\.conf)$/
const whys: Readonly<Record<string, string>> = {
  include: 'what it names is not read; `nginx -T` prints all in one, and that can be imported',
  limit_conn: 'connections are bounded for all clients alike here (`limits.connectionsPerAddress`)',
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
  'set_real_ip_from',
  'limit_req_status',
  'real_ip_header',
  'real_ip_recursive',
  'ssl_verify_client',
  'ssl_client_certificate',
  'ssl_verify_depth',
  'ssl_dhparam',
  'ssl_ecdh_curve',
  'ssl_buffer_size',
  'ssl_early_data',
  'types_hash_max_size',
  'server_names_hash_bucket_size',
  'client_body_timeout',
  'client_header_timeout',
  'client_body_buffer_size',
  'client_header_buffer_size',
  'large_client_header_buffers',
  'keepalive_requests',
  'send_timeout',
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
      if (!value.startsWith('$') || /^\$(host|http_host|server_name|host:\$server_port)$/.test(value))
        route.host = value.startsWith('$') ? undefined : value
      else leaveOut(site.imported, { name, args, line }, 'a Host with variables is not known beforehand')
      return
    }
    if (setByUs.test(field)) {
      if (/^(X-Forwarded-\w+|X-Real-IP|Forwarded)$/i.test(field) && !value.includes('$'))
        leaveOut(
          site.imported,
          { name, args, line },
          'what a client is, and where it came in, is told as it is here',
        )
      return
    }
    if (value.toLowerCase() === `$http_${field.toLowerCase().replaceAll('-', '_')}`) return
    if (value === '') return removeField(route, 'request', field)
    if (!value.includes('$')) return setField(route, 'request', field, value)
    removeField(route, 'request', field)
    leaveOut(
      site.imported,
      { name, args, line },
      'a field with variables is not known beforehand: it is taken off, so that no client can make it up',
    )
  },
  proxy_hide_header({ args }, route) {
    removeField(route, 'response', args[0] ?? '')
  },
  proxy_ssl_name({ args }, route, { site }) {
    setUpstreamTls(route, site, { servername: args[0] })
  },
  proxy_ssl_trusted_certificate({ args }, route, { site }) {
    setUpstreamTls(route, site, { ca: args[0] })
  },
  proxy_ssl_verify({ args }, route, { site }) {
    if (args[0] === 'off') setUpstreamTls(route, site, { insecureSkipVerify: true })
  },
  proxy_read_timeout({ args }, route) {
    route.timeouts = { ...route.timeouts, response: timeOf(args[0]), idle: timeOf(args[0]) }
  },
  proxy_send_timeout() {},
  proxy_connect_timeout({ args }, route, { site }) {
    const upstream = route.to === undefined ? undefined : site.imported.upstreams.get(route.to)
    if (upstream !== undefined) upstream.connectTimeout = timeOf(args[0])
  },
  add_header({ name, args, line }, route, { site }) {
    const [field = '', value = ''] = args
    if (!value.includes('$')) setField(route, 'response', field, value)
    else leaveOut(site.imported, { name, args, line }, 'a field with variables is not known beforehand')
  },
  client_max_body_size({ args }, route) {
    const [, number = '0', unit = ''] = /^(\d+)([kmg]?)$/i.exec(args[0] ?? '') ?? []
    if (number !== '0') route.policies.maxBody = `${number}${unit === '' ? '' : unit.toUpperCase()}B`
  },
  // All lines of access together are read by their order, where the location is.
  allow() {},
  deny() {},
  limit_except({ name, args, line, block = [] }, route, { site }) {
    const isClosed = block.length === 1 && block[0]?.name === 'deny' && block[0].args[0] === 'all'
    if (isClosed) {
      route.policies.methods = args
      return
    }
    closeRoute(route)
    leaveOut(
      site.imported,
      { name, args, line },
      `who may use other methods is not read: ${closedUntilDecided}`,
    )
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
    const limit = rate.perMinute + burst
    const { limit: other } = (route.policies.rateLimit ?? {}) as { limit?: number }
    leaveOut(
      site.imported,
      { name, args, line },
      other === undefined
        ? `counted in windows here: ${limit} in any minute, which may come all at once`
        : `one limit counts a route here, and the lower one stays: ${Math.min(limit, other)} a minute`,
    )
    if (other !== undefined && other <= limit) return
    route.policies.rateLimit = { limit, per: '1m', ...(rate.by === 'client' ? {} : { by: rate.by }) }
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
    const root = (args[0] ?? '').replace(/(.)\/+$/, '$1')
    const spa = typeof route.files === 'object' && route.files.spa
    route.files = spa ? { root, spa } : root
  },
  try_files({ name, args, line }, route, { site, location }) {
    const last = args.at(-1) ?? ''
    if (route.to !== undefined || /^=404$/.test(last)) return
    const index = `${location.replace(/\/+$/, '')}/index.html`
    if (last !== index && !/\$uri\/?$/.test(last))
      return leaveOut(
        site.imported,
        { name, args, line },
        'what is no file is 404 here, or the index of the folder',
      )
    const root = typeof route.files === 'object' ? route.files.root : (route.files ?? '')
    if (last === index) route.files = { root, spa: true }
  },
  return({ name, args, line }, route, { site }) {
    // Whatever nobody gets there, nobody gets here.
    if (/^[45]\d\d$/.test(args[0] ?? '')) return closeRoute(route)
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
  // An answer of nginx's own.
  stub_status(_, route) {
    delete route.files
    delete route.to
  },
  access_log({ args }, route) {
    if (args[0] !== undefined) route.accessLog = args[0] !== 'off' && args[0]
  },
}

/** `location /api/ { rewrite ^/api/(.*)$ /$1 break; … }` takes a prefix off, or puts another in its place. */
function applyRewrite({ args }: Directive, route: ImportedRoute, location: string): boolean {
  const [pattern = '', replacement = '', flag] = args
  const base = location.replace(/\/+$/, '')
  const [, put] = /^((?:\/[\w-]+)*)\/?\$1$/.exec(replacement) ?? []
  const isOfPrefix = ['/(.*)', '(.*)', '/?(.*)', '(/.*)'].some((rest) =>
    [`^${base}${rest}`, `^${base}${rest}$`].includes(pattern),
  )
  if (base === '' || flag !== 'break' || put === undefined || !isOfPrefix) return false
  route.prefix = put === '' ? 'strip' : put
  return true
}

function setUpstreamTls(route: ImportedRoute, { imported }: Site, settings: Record<string, unknown>): void {
  const upstream = route.to === undefined ? undefined : imported.upstreams.get(route.to)
  if (upstream !== undefined) upstream.tls = { ...(upstream.tls as object), ...settings }
}

/** nginx's `60` and `1h30m` are seconds, or added up. */
function timeOf(text = '60s'): string {
  const parts = [...text.matchAll(/(\d+)(ms|[smhd])?/g)]
  if (parts.length === 1) return /[a-z]$/.test(text) ? text : `${text}s`
  const units: Record<string, number> = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86_400 }
  return `${parts.reduce((sum, [, number, unit = 's']) => sum + Number(number) * (units[unit] ?? 1), 0)}s`
}
