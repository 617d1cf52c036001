import { addUpstream, emptyImport, type Imported, inOrder, nameFrom, setListener } from './imported.ts'
import { readNginx } from './nginx-dump.ts'
import { type LocationPlace, readLocation } from './nginx-location.ts'
import { isOurs, whyLeftOut } from './nginx-rules.ts'
import {
  askForCertificates,
  closeAll,
  hostsOf,
  leadsToHttps,
  openListeners,
  readCertificates,
  redirectToHttps,
  trustProxies,
} from './nginx-server.ts'
import { leaveOut, readZone, type Site, targetOf } from './nginx-site.ts'
import type { Directive } from './nginx-syntax.ts'

/**
 * Reads sites of nginx: `server` blocks with their locations, and the `upstream` blocks that they name, as a file of
 * sites-available, a whole nginx.conf or `nginx -T` has them. Throws a sentence for what is no nginx.
 */
export function importNginx(text: string): Imported {
  const top = readNginx(text)
  const http = top.flatMap((directive) => (directive.name === 'http' ? (directive.block ?? []) : [directive]))
  const site: Site = { imported: emptyImport(), upstreams: new Map(), zones: new Map() }
  for (const directive of http) readTop(directive, site)
  const servers = http.filter(({ name }) => name === 'server')
  const shared = http.filter(({ name }) => !ofTheTop.test(name))
  for (const rule of shared) if (!isOurs(rule)) leaveOut(site.imported, rule, whyLeftOut(rule))
  if (servers.length === 0) throw new Error('there is no server block in it')
  const defaults = new Map<string, Directive>()
  // Which is the default is known when all have been seen.
  for (const server of servers) openListeners(server.block ?? [], emptyImport(), defaults, server)
  for (const server of servers) readServer(server, shared, { site, defaults, servers: servers.length })
  for (const directive of http)
    if (/^(stream|mail)$/.test(directive.name))
      leaveOut(site.imported, directive, 'HTTP alone is spoken here')
  return inOrder(site.imported)
}

// --- internal ---

const ofTheTop =
  /^(server|upstream|limit_req_zone|limit_conn_zone|map|map_hash.*|geo|split_clients|events|user|worker_.*|pid|load_module|error_log|stream|mail|thread_pool|env|daemon|master_process|pcre_jit|timer_resolution|lock_file|lua_.*|js_(import|path)|proxy_cache_path|fastcgi_cache_path|log_format|variables_hash.*|server_names_hash.*|types_hash.*)$/

function readTop(directive: Directive, site: Site): void {
  const { imported, upstreams } = site
  const { name, args, block = [], line } = directive
  if (name === 'upstream') {
    const targets = block.flatMap((entry) => {
      if (entry.name !== 'server' || entry.args.includes('down')) return []
      if (!entry.args.includes('backup')) return [targetOf(entry, 'http')]
      leaveOut(
        imported,
        entry,
        'there are no targets for a time of need here: a lease or another upstream could be one',
      )
      return []
    })
    const way = block.find((entry) => entry.name in balances)
    const balance = way === undefined ? {} : { balance: balances[way.name] }
    upstreams.set(
      args[0] ?? '',
      addUpstream(imported.upstreams, nameFrom(args[0] ?? ''), { targets, ...balance }),
    )
    for (const entry of block)
      if (!(entry.name in balances) && !/^(server|keepalive.*|zone)$/.test(entry.name))
        leaveOut(imported, entry, 'has no counterpart in an upstream here')
  } else if (name === 'limit_req_zone') readZone(directive, site)
  else if (/^(map|geo|split_clients)$/.test(name) && !/http_upgrade/.test(args[0] ?? ''))
    leaveOut(imported, { name, args, line }, 'variables are not worked out here; a policy of your own could')
}

const balances: Readonly<Record<string, string>> = { least_conn: 'leastConnections', ip_hash: 'client' }

interface Known {
  readonly site: Site
  /** Which server answers for names that none has, by listener. */
  readonly defaults: ReadonlyMap<string, Directive>
  /** How many there are. */
  readonly servers: number
}

function readServer(
  written: Directive,
  shared: readonly Directive[],
  { site, defaults, servers }: Known,
): void {
  const { imported } = site
  const server = withProxyParams(written)
  const block = server.block ?? []
  const opened = openListeners(block, imported, new Map(), written)
  if (opened.listeners.length === 0) return
  const rules = [...shared, ...block.filter(({ name }) => name !== 'location')]
  readCertificates(rules, imported)
  trustProxies(rules, block, { imported, isOneOfMany: servers > 1 })
  const hosts = hostsOf(block, imported, written)
  if (hosts === undefined) return
  const isDefault = [...defaults.values()].includes(written)
  if (hosts.length === 0 && !isDefault)
    return leaveOut(
      imported,
      { ...written, args: [] },
      'no request comes here: another server is the default',
    )
  const first = block.find(({ name, args }) => name === 'listen' && /default/.test(args.join(' ')))
  if (first !== undefined && hosts.length > 0)
    leaveOut(imported, first, `whoever asks for another name than ${hosts.join(', ')} gets 404 here`)

  const asked = askForCertificates(rules, opened.listeners, imported)
  const isSent = (rule: Directive): boolean => leadsToHttps(rule, hosts)
  let listeners: readonly string[] = opened.listeners
  const sent = block.find(isSent)
  if (sent !== undefined) {
    // Without a condition it is what every request gets.
    const left = redirectToHttps(listeners, imported)
    if (sent.name !== 'if' || left.length === 0) return
    listeners = left
  }
  const around = rules.filter((rule) => rule !== sent)
  const place: LocationPlace = { site, hosts, listeners, around, routes: [] }
  const isPlain = listeners.every((name) => imported.listeners.get(name)?.tls === false)
  const locations = flattened(block).filter(({ name, args, block: inner = [] }) => {
    if (name !== 'location') return false
    if (isPlain && args[0] === '/' && inner.some(isSent)) redirectToHttps(listeners, imported)
    else if (isPlain && /^\/\.well-known\/acme-challenge\/?$/.test(args.at(-1) ?? '')) {
      const root = [...around, ...inner].findLast((rule) => rule.name === 'root')?.args[0]
      if (root === undefined) return true
      for (const listener of listeners) setListener(imported, listener, { acmeWebroot: root })
    } else return true
    return false
  })
  const leadsAll = flattened(block).some(
    (location) => location.name === 'location' && location.args[0] === '/' && !locations.includes(location),
  )
  const hasRoot = leadsAll || locations.some(({ args }) => args.length === 1 && args[0] === '/')
  if (!hasRoot && around.some(({ name }) => ['root', 'proxy_pass', 'return'].includes(name)))
    locations.unshift({ name: 'location', args: ['/'], line: server.line, block: [] })
  const named = new Map(
    locations.flatMap((each) => (each.args[0]?.startsWith('@') ? [[each.args[0], each] as const] : [])),
  )
  // What is closed leads where the routes around it lead, so that these come first.
  const inOrder = [...locations].sort((a, b) => ranked(a) - ranked(b))
  for (const location of inOrder) readLocation(location, { ...place, named })
  for (const rule of block)
    if (rule.name !== 'location' && rule !== sent && !isOurs(rule)) leaveOut(imported, rule, whyLeftOut(rule))
  keepSources(server, place)
  if (!asked) closeAll(place.routes)
  imported.routes.push(...place.routes)
}

/** Locations within locations stand beside them, with what is said around them. */
function flattened(block: readonly Directive[]): Directive[] {
  return block.flatMap((location) => {
    const { block: inner } = location
    if (location.name !== 'location' || inner === undefined) return [location]
    const own = inner.filter(({ name }) => name !== 'location')
    const deeper = flattened(inner).filter(({ name }) => name === 'location')
    // What leads somewhere is not inherited by nginx, and everything else is.
    const passedOn = own.filter(({ name }) => !/^(proxy_pass|return|try_files|alias|rewrite|if)$/.test(name))
    return [
      { ...location, block: own },
      ...deeper.map((each) => ({
        ...each,
        block: [
          ...passedOn.filter(({ name }) => !each.block?.some((other) => other.name === name)),
          ...(each.block ?? []),
        ],
      })),
    ]
  })
}

/** Short paths first, then patterns. */
function ranked({ args }: Directive): number {
  const path = args.at(-1) ?? ''
  return /^~\*?$/.test(args[0] ?? '') ? 10_000 : path.length
}

/** A program whose interpreter stays behind would be shown instead of run. */
function keepSources({ block = [] }: Directive, { routes, site }: LocationPlace): void {
  const runs = findDeep(
    block,
    /^((fastcgi|uwsgi|scgi)_pass|passenger_enabled|perl|content_by_lua.*|js_content)$/,
  )
  const files = routes.filter((route) => route.files !== undefined)
  if (runs === undefined || files.length === 0) return
  closeAll(files)
  leaveOut(
    site.imported,
    runs,
    'files beside programs stay closed: without their interpreter, programs would be shown to everybody',
  )
}

function findDeep(block: readonly Directive[], name: RegExp): Directive | undefined {
  for (const directive of block) {
    const found = name.test(directive.name) ? directive : findDeep(directive.block ?? [], name)
    if (found !== undefined) return found
  }
  return undefined
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
