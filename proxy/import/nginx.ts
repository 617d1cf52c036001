import { applyAccess, closeRoute } from './guards.ts'
import {
  addUpstream,
  emptyImport,
  type Imported,
  type ImportedListener,
  type ImportedRoute,
  listenerOf,
  nameFrom,
} from './imported.ts'
import { applyRule, isGuard, isOurs, whyLeftOut } from './nginx-rules.ts'
import { ageOf, leaveOut, type Site, targetOf } from './nginx-site.ts'
import { type Directive, parseNginx } from './nginx-syntax.ts'

/**
 * Reads sites of nginx: `server` blocks with their locations, and the `upstream` blocks that they name, as a file of
 * sites-available or a whole nginx.conf has them. Throws a sentence for what is no nginx.
 */
export function importNginx(text: string): Imported {
  const top = parseNginx(text)
  const http = top.flatMap((directive) => (directive.name === 'http' ? (directive.block ?? []) : [directive]))
  const site: Site = { imported: emptyImport(), upstreams: new Map(), zones: new Map() }
  for (const directive of http) readTop(directive, site)
  const servers = http.filter(({ name }) => name === 'server')
  const shared = http.filter(({ name }) => !['server', 'upstream', 'limit_req_zone', 'map'].includes(name))
  for (const server of servers) readServer(server, shared, site)
  if (servers.length === 0) throw new Error('there is no server block in it')
  return site.imported
}

// --- internal ---

function readTop(directive: Directive, { imported, upstreams, zones }: Site): void {
  const { name, args, block = [], line } = directive
  if (name === 'upstream') {
    const targets = block
      .filter((entry) => entry.name === 'server')
      .map((entry) => targetOf(entry.args[0] ?? '', 'http'))
    const balance = block.some((entry) => entry.name === 'least_conn')
      ? { balance: 'leastConnections' }
      : block.some((entry) => entry.name === 'ip_hash')
        ? { balance: 'hash' }
        : {}
    upstreams.set(
      args[0] ?? '',
      addUpstream(imported.upstreams, nameFrom(args[0] ?? ''), { targets, ...balance }),
    )
    for (const entry of block)
      if (!['server', 'keepalive', 'least_conn', 'ip_hash', 'zone', 'keepalive_timeout'].includes(entry.name))
        leaveOut(imported, entry, 'has no counterpart in an upstream here')
  } else if (name === 'limit_req_zone') {
    const zone = /zone=([^:]+)/.exec(args.join(' '))?.[1]
    const [, limit, unit] = /rate=(\d+)r\/([sm])/.exec(args.join(' ')) ?? []
    if (zone !== undefined && limit !== undefined)
      zones.set(zone, { limit: Number(limit), per: unit === 'm' ? '1m' : '1s' })
  } else if (name === 'map' && !/http_upgrade/.test(args[0] ?? '')) {
    leaveOut(imported, { name, args, line }, 'variables are not worked out here; a policy of your own could')
  }
}

function readServer(server: Directive, shared: readonly Directive[], site: Site): void {
  const { imported } = site
  const block = withProxyParams(server).block ?? []
  const hosts = block
    .filter(({ name }) => name === 'server_name')
    .flatMap(({ args }) => args)
    .filter((host) => host !== '_' && host !== '')
  const odd = hosts.filter((host) => host.startsWith('~') || /\*$/.test(host))
  for (const host of odd) leaveOut(imported, { ...server, args: [host] }, 'hosts are names, or *. and a name')
  const listens = block.filter(({ name }) => name === 'listen')
  const listeners = [
    ...new Set(
      (listens.length > 0 ? listens : [{ args: ['80'] }]).map(({ args }) => readListen(args, imported)),
    ),
  ]
  const cert = block.find(({ name }) => name === 'ssl_certificate')?.args[0]
  const key = block.find(({ name }) => name === 'ssl_certificate_key')?.args[0]
  const isKnown = imported.certificates.some((pair) => pair.cert === cert)
  if (cert !== undefined && key !== undefined && !isKnown) imported.certificates.push({ cert, key })
  const protocols = block.find(({ name }) => name === 'ssl_protocols')?.args
  if (protocols?.length === 1 && protocols[0] === 'TLSv1.3') imported.minVersion = 'TLSv1.3'

  askForCertificates(block, listeners, imported)
  if (block.some((rule) => leadsToHttps(rule, hosts))) return redirectToHttps(listeners, imported)
  const around = [...shared, ...block.filter(({ name }) => name !== 'location')]
  const base = { hosts: hosts.filter((host) => !odd.includes(host)), listeners }
  const isPlain = listeners.every((name) => imported.listeners.get(name)?.tls === false)
  const locations = block.filter(({ name, args, block: inner = [] }) => {
    if (name !== 'location') return false
    if (isPlain && args[0] === '/' && inner.some((rule) => leadsToHttps(rule, hosts)))
      redirectToHttps(listeners, imported)
    else if (isPlain && /^\/\.well-known\/acme-challenge\/?$/.test(args.at(-1) ?? '')) {
      const root = [...around, ...inner].findLast((rule) => rule.name === 'root')?.args[0]
      if (root === undefined) return true
      for (const listener of listeners) setListener(imported, listener, { acmeWebroot: root })
    } else return true
    return false
  })
  const leadsAll = block.some((location) => location.args[0] === '/' && !locations.includes(location))
  for (const location of locations) readLocation(location, around, { site, ...base })
  const hasRoot = leadsAll || locations.some(({ args }) => args.at(-1) === '/')
  if (!hasRoot && around.some(({ name }) => ['root', 'proxy_pass', 'return'].includes(name)))
    readLocation({ name: 'location', args: ['/'], line: server.line, block: [] }, around, { site, ...base })
  const told = new Set(shared)
  for (const directive of around)
    if (!told.has(directive) && !isOurs(directive)) leaveOut(imported, directive, whyLeftOut(directive))
}

/** `return 301 https://$host$request_uri`, by itself or within an `if` that asks for the server's own name. */
function leadsToHttps({ name, args, block = [] }: Directive, hosts: readonly string[]): boolean {
  if (name === 'if') return args[0] === '($host' && block.some((rule) => leadsToHttps(rule, hosts))
  const [, host = ''] = /^https:\/\/([^/]+)\$request_uri$/.exec(args.at(-1) ?? '') ?? []
  if (name !== 'return' || host === '') return false
  return /^\$(host|server_name|http_host)$/.test(host) || hosts.every((other) => other === host)
}

function redirectToHttps(listeners: readonly string[], imported: Imported): void {
  const https = listenerOf(imported, 443, true)
  for (const name of listeners) if (name !== https) setListener(imported, name, { redirect: https })
}

/** `ssl_verify_client`: of a listener here, and so of all its hosts. */
function askForCertificates(
  block: readonly Directive[],
  listeners: readonly string[],
  imported: Imported,
): void {
  const asks = block.find(({ name }) => name === 'ssl_verify_client')?.args[0] ?? 'off'
  const ca = block.find(({ name }) => name === 'ssl_client_certificate')?.args[0]
  if (asks === 'off' || ca === undefined) return
  const clientCertificates = { ca, require: asks === 'on' }
  for (const name of listeners)
    if (imported.listeners.get(name)?.tls) setListener(imported, name, { clientCertificates })
}

/** Debian's file of that name, which most sites include. */
function withProxyParams(rule: Directive): Directive {
  const block = rule.block?.flatMap((inner) =>
    inner.name === 'include' && /(^|\/)proxy_params$/.test(inner.args[0] ?? '')
      ? [{ name: 'proxy_set_header', args: ['Host', '$http_host'], line: inner.line }]
      : [withProxyParams(inner)],
  )
  return block === undefined ? rule : { ...rule, block }
}

function readListen(args: readonly string[], imported: Imported): string {
  const port = Number(/(\d+)$/.exec(args[0] ?? '')?.[1] ?? 80)
  return listenerOf(imported, port, args.includes('ssl') || port === 443)
}

interface Around {
  readonly site: Site
  readonly hosts: readonly string[]
  readonly listeners: readonly string[]
}

function readLocation(
  location: Directive,
  around: readonly Directive[],
  { site, hosts, listeners }: Around,
): void {
  const { imported } = site
  const [modifier, written] = location.args.length > 1 ? location.args : ['', location.args[0]]
  const block = location.block ?? []
  if (modifier === '~' || modifier === '~*' || written?.startsWith('@')) {
    if (!cacheByExtension(written ?? '', block, imported, hosts))
      leaveOut(imported, location, 'a path is a prefix here, not a pattern; write a route for each')
    return
  }
  const path = (written ?? '/').replace(/(.)\/+$/, '$1')
  const route: ImportedRoute = {
    name: '',
    line: location.line,
    hosts,
    path,
    exact: modifier === '=',
    listeners,
    policies: {},
  }
  // What stands nearer counts, and of a kind all or nothing is taken from around.
  const own = new Set(block.map(({ name }) => kindOf(name)))
  const rules = [...around.filter(({ name }) => !own.has(kindOf(name))), ...block]
  // Others say something of where it leads.
  rules.sort((a, b) => Number(b.name === 'proxy_pass') - Number(a.name === 'proxy_pass'))
  for (const rule of rules) {
    if (applyRule(rule, route, site, written ?? '/')) continue
    if (isGuard(rule)) closeRoute(route)
    if (block.includes(rule)) leaveOut(imported, rule, whyLeftOut(rule))
  }
  limitAccess(rules, route, imported)
  if (route.to !== undefined && !rules.some(({ name }) => name === 'client_max_body_size'))
    route.policies.maxBody = '1MB'
  mergeCacheControl(route)
  if (route.to === undefined && route.files === undefined && route.redirect === undefined) {
    leaveOut(imported, location, 'it serves nothing that this proxy could serve')
    return
  }
  if (!/\/$/.test(written ?? '/') && modifier === '' && path !== '/')
    noteOnce(
      imported,
      location,
      'a prefix ends at a segment here: /api is /api and /api/…, and never /api-other',
    )
  imported.routes.push(route)
}

/** `allow` and `deny` are one list, in their order. */
function kindOf(name: string): string {
  return name === 'deny' ? 'allow' : name
}

function limitAccess(rules: readonly Directive[], route: ImportedRoute, imported: Imported): void {
  const lines = rules.filter(({ name, args }) => /^(allow|deny)$/.test(name) && args[0] !== 'unix:')
  const isClosed = route.policies.deny !== undefined
  const access = lines.map(({ name, args }) => ({ passes: name === 'allow', network: args[0] ?? '' }))
  const isSame = applyAccess(access, route)
  if (isClosed) closeRoute(route)
  const [first] = lines
  if (!isSame && first !== undefined)
    leaveOut(
      imported,
      first,
      'who is in any `deny` is refused here, wherever the line stands: look at this order',
    )
}

/** `expires 1h; add_header Cache-Control "public";` says one thing in two fields, which is one here. */
function mergeCacheControl({ policies }: ImportedRoute): void {
  const { response } = (policies.headers ?? {}) as { response?: { set: Record<string, string> } }
  const field = Object.keys(response?.set ?? {}).find((name) => /^cache-control$/i.test(name))
  const cache = policies.cache as { rules: Record<string, unknown>[] } | undefined
  if (field === undefined || response === undefined || cache === undefined) return
  const words = (response.set[field] ?? '').split(/\s*,\s*/)
  if (!words.every((word) => /^(public|private|immutable)$/.test(word))) return
  for (const rule of cache.rules) {
    if (words.includes('private')) rule.visibility = 'private'
    if (words.includes('immutable')) rule.immutable = true
  }
  delete response.set[field]
  if (Object.keys(response.set).length === 0) delete policies.headers
}

/** `location ~* \.(css|js)$ { expires 1y; }`: what it says of files is a rule of the routes around. */
function cacheByExtension(
  pattern: string,
  block: readonly Directive[],
  imported: Imported,
  hosts: readonly string[],
): boolean {
  const extensions = /^\\\.\(\??:?([\w|]+)\)\$$/.exec(pattern)?.[1]?.split('|')
  const expires = block.find(({ name }) => name === 'expires')?.args[0]
  const isOnlyCache = block.every(({ name }) =>
    ['expires', 'add_header', 'access_log', 'try_files'].includes(name),
  )
  if (extensions === undefined || expires === undefined || !isOnlyCache) return false
  for (const route of imported.routes)
    if (route.hosts === hosts || route.hosts.join() === hosts.join()) {
      const { rules = [] } = (route.policies.cache ?? {}) as { rules?: unknown[] }
      route.policies.cache = { rules: [{ extensions, maxAge: ageOf(expires) }, ...rules] }
    }
  return true
}

function setListener(imported: Imported, name: string, settings: Partial<ImportedListener>): void {
  const listener = imported.listeners.get(name)
  if (listener !== undefined) Object.assign(listener, settings)
}

function noteOnce(imported: Imported, directive: Directive, why: string): void {
  if (!imported.leftOut.some((other) => other.why === why)) leaveOut(imported, directive, why)
}
