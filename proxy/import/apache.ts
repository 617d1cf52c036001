import { type Entry, parseApache } from './apache-syntax.ts'
import { closedUntilDecided, closeRoute } from './guards.ts'
import { emptyImport, type Imported, type ImportedRoute, listenerOf, upstreamOf } from './imported.ts'

/**
 * Reads virtual hosts of Apache: ProxyPass, DocumentRoot, Redirect, and what Location blocks ask of clients. Throws a
 * sentence for what is no Apache.
 */
export function importApache(text: string): Imported {
  const imported = emptyImport()
  const hosts = parseApache(text).filter(({ name }) => /^virtualhost$/i.test(name))
  if (hosts.length === 0) throw new Error('there is no <VirtualHost> in it')
  for (const host of hosts) readVirtualHost(host, imported)
  return imported
}

// --- internal ---

/** What needs no counterpart: this proxy does it, or it is about the other server's own modules. */
const byItself =
  /^(ServerName|ServerAlias|ServerAdmin|SSL(Engine|CertificateFile|CertificateKeyFile|Protocol|CipherSuite|HonorCipherOrder)|ErrorLog|LogLevel|Protocols|ProxyPassReverse|ProxyRequests|ProxyAddHeaders|RewriteEngine|DocumentRoot|CustomLog|AuthType|AuthBasicProvider|Options|AllowOverride|DirectoryIndex)$/i

function readVirtualHost(host: Entry, imported: Imported): void {
  const find = (name: RegExp) => host.block.filter((entry) => name.test(entry.name))
  const port = Number(/:(\d+)$/.exec(host.args[0] ?? '')?.[1] ?? 80)
  const tls = port === 443 || find(/^SSLEngine$/i).some(({ args }) => /^on$/i.test(args[0] ?? ''))
  const listener = listenerOf(imported, port, tls)
  const hosts = [...find(/^ServerName$/i), ...find(/^ServerAlias$/i)].flatMap(({ args }) =>
    args.map((name) => name.replace(/:\d+$/, '')),
  )
  const [cert] = find(/^SSLCertificateFile$/i)
  const [key] = find(/^SSLCertificateKeyFile$/i)
  if (cert?.args[0] !== undefined && key?.args[0] !== undefined)
    imported.certificates.push({ cert: cert.args[0], key: key.args[0] })
  const toHttps = find(/^Redirect|^RewriteRule$/i).some(({ args }) =>
    args.some(
      (word) =>
        /^https:\/\/(%\{(HTTP_HOST|SERVER_NAME)\}|[^/]+)(\/|%\{REQUEST_URI\}|\$1|\/\$1)*$/.test(word) &&
        (hosts.length === 0 || /%\{/.test(word) || hosts.some((name) => word.includes(name))),
    ),
  )
  if (!tls && toHttps) {
    const plain = imported.listeners.get(listener)
    listenerOf(imported, 443, true)
    if (plain !== undefined) plain.redirect = 'https'
    return
  }
  const routes: ImportedRoute[] = []
  const add = (path: string, line: number): ImportedRoute => {
    const route: ImportedRoute = {
      name: '',
      line,
      hosts,
      path: path.replace(/(.)\/+$/, '$1'),
      exact: false,
      listeners: [listener],
      policies: {},
    }
    routes.push(route)
    return route
  }
  for (const { name, args, line } of find(/^ProxyPass$/i)) {
    const [path = '/', target = ''] = args
    if (target === '!') {
      imported.leftOut.push({
        line,
        text: [name, ...args].join(' '),
        why: 'write a route of that path that goes elsewhere',
      })
      continue
    }
    proxyTo(add(path, line), target, args.slice(2), imported)
  }
  const [root] = find(/^DocumentRoot$/i)
  if (root?.args[0] !== undefined && !routes.some(({ path }) => path === '/'))
    add('/', root.line).files = root.args[0]
  const folders = find(/^Directory$/i).map((section) => atPathOf(section, root?.args[0]))
  // What lies deeper counts more, in whatever order it stands.
  const sections = [...folders, ...find(/^Location$/i)]
    .filter((section) => section !== undefined)
    .sort((a, b) => pathOf(a).length - pathOf(b).length)
  for (const section of sections) readLocation(section, { routes, add, imported })
  for (const { name, args, line } of find(/^Redirect(Match|Permanent|Temp)?$/i)) {
    const status =
      { permanent: 301, temp: 302, seeother: 303 }[(args[0] ?? '').toLowerCase()] ?? (Number(args[0]) || 302)
    const [from, to] = args.slice(-2)
    if (/match/i.test(name) || from === undefined || to === undefined)
      imported.leftOut.push({
        line,
        text: [name, ...args].join(' '),
        why: 'a path is a prefix here, not a pattern',
      })
    else add(from, line).redirect = { location: to, status: /permanent/i.test(name) ? 301 : status }
  }
  const log = find(/^CustomLog$/i)[0]?.args[0]
  for (const route of routes) {
    for (const entry of host.block) applyTo(route, entry, imported, false)
    if (log !== undefined && !/[|$]/.test(log)) route.accessLog ??= log
  }
  imported.routes.push(...routes.filter(({ to, files, redirect }) => to ?? files ?? redirect))
  for (const { name, args, line, block } of host.block)
    if (
      !byItself.test(name) &&
      !/^(ProxyPass|Location|Redirect\w*|Header|RequestHeader|ProxyTimeout|ProxyPreserveHost|LimitRequestBody|Directory|SSLProxy\w+|AddOutputFilterByType)$/i.test(
        name,
      ) &&
      block.length + 1 > 0
    )
      imported.leftOut.push({ line, text: [name, ...args].join(' '), why: 'has no counterpart here' })
}

interface Around {
  readonly routes: readonly ImportedRoute[]
  readonly add: (path: string, line: number) => ImportedRoute
  readonly imported: Imported
}

function pathOf({ args }: Entry): string {
  return (args.at(-1) ?? '/').replace(/(.)\/+$/, '$1')
}

function isWithin(path: string, prefix: string): boolean {
  return path === prefix || path.startsWith(prefix === '/' ? '/' : `${prefix}/`)
}

/** What a section says counts for its path and all below. */
function readLocation(section: Entry, { routes, add, imported }: Around): void {
  const { args, line, block } = section
  const path = pathOf(section)
  if (args[0] === '~')
    return void imported.leftOut.push({
      line,
      text: `<Location ${args.join(' ')}>`,
      why: 'a path is a prefix here, not a pattern',
    })
  const around = [...routes]
    .sort((a, b) => b.path.length - a.path.length)
    .find((route) => isWithin(path, route.path))
  if (around?.path !== path) Object.assign(add(path, line), around === undefined ? {} : below(around, path))
  const requires = block.filter(({ name }) => /^Require$/i.test(name))
  const pass = block.find(({ name }) => /^ProxyPass$/i.test(name))
  for (const route of routes.filter((other) => isWithin(other.path, path))) {
    if (pass?.args[0] !== undefined && route.path === path)
      proxyTo(route, pass.args[0], pass.args.slice(1), imported)
    if (requires.length > 0) forgetRequires(route, requires)
    for (const entry of block) applyTo(route, entry, imported, route.path === path)
    const [first] = requires
    const { allow, basicAuth } = route.policies
    if (route.path === path && first !== undefined && allow !== undefined && basicAuth !== undefined)
      imported.leftOut.push({
        line: first.line,
        text: requires.map(({ args }) => `Require ${args.join(' ')}`).join(', '),
        why: 'one of them is enough for Apache, and here both are asked',
      })
  }
}

/** A route for a path below that of another, which leads where that path leads now. */
function below(around: ImportedRoute, path: string): Partial<ImportedRoute> {
  const rest = around.path === '/' ? path : path.slice(around.path.length)
  const { to, host, redirect, timeouts, files, prefix } = around
  const base = prefix === undefined ? undefined : `${prefix === 'strip' ? '' : prefix}${rest}`
  return {
    to,
    host,
    redirect,
    timeouts,
    files: typeof files === 'string' ? `${files.replace(/\/+$/, '')}${rest}` : files,
    prefix: base,
    policies: structuredClone(around.policies),
  }
}

/** `Require` of a deeper section stands in the place of those around it. */
function forgetRequires({ policies }: ImportedRoute, requires: readonly Entry[]): void {
  delete policies.allow
  delete policies.deny
  if (requires.every(({ args }) => /^(ip|local|all)$/.test(args[0] ?? ''))) delete policies.basicAuth
}

/** What is said of a folder, as if it were said of the path that leads there; undefined if none does. */
function atPathOf(section: Entry, root: string | undefined): Entry | undefined {
  const [folder, top] = [section.args[0] ?? '', root ?? ''].map((path) => path.replace(/\/+$/, ''))
  if (root === undefined || folder === undefined || top === undefined) return undefined
  if (folder === top || top.startsWith(`${folder}/`)) return { ...section, args: ['/'] }
  return folder.startsWith(`${top}/`) ? { ...section, args: [folder.slice(top.length)] } : undefined
}

function proxyTo(
  route: ImportedRoute,
  address: string,
  options: readonly string[],
  imported: Imported,
): void {
  const unix = /^unix:([^|]+)\|/.exec(address)?.[1]
  const [, scheme = 'http', authority = '', uri = ''] =
    /^(?:unix:[^|]+\|)?(\w+):\/\/([^/]*)(\/.*)?$/.exec(address) ?? []
  const target = unix === undefined ? `${scheme.replace(/^ws/, 'http')}://${authority}` : `unix:${unix}`
  route.to = upstreamOf(imported, [target])
  // Apache sends the target's own Host unless it is told to keep the client's.
  route.host = 'target'
  const prefix = uri.replace(/\/+$/, '')
  if (prefix !== (route.path === '/' ? '' : route.path)) route.prefix = prefix === '' ? 'strip' : prefix
  const timeout = options
    .map((option) => /^timeout=(\d+)$/.exec(option)?.[1])
    .find((found) => found !== undefined)
  if (timeout !== undefined) route.timeouts = { response: `${timeout}s`, idle: `${timeout}s` }
}

function applyTo(route: ImportedRoute, { name, args, line }: Entry, imported: Imported, own: boolean): void {
  const leave = (why: string): void =>
    void (own && imported.leftOut.push({ line, text: [name, ...args].join(' '), why }))
  switch (name.toLowerCase()) {
    case 'require':
      if (args[0] === 'ip')
        route.policies.allow = [...((route.policies.allow as string[]) ?? []), ...args.slice(1)]
      else if (args[0] === 'local')
        route.policies.allow = [...((route.policies.allow as string[]) ?? []), '127.0.0.0/8', '::1']
      else if (args.join(' ') === 'all denied') closeRoute(route)
      else if (args[0] !== 'valid-user' && args.join(' ') !== 'all granted') {
        leave(`clients are told apart by address, password and token here: ${closedUntilDecided}`)
        closeRoute(route)
      }
      return
    // Of Apache 2.2, and of mod_access_compat.
    case 'deny':
    case 'order':
    case 'allow':
    case 'requireall':
    case 'requirenone':
    case 'requireany':
      leave(`what it lets pass is not read: ${closedUntilDecided}`)
      closeRoute(route)
      return
    case 'authuserfile':
      route.policies.basicAuth = { users: args[0], ...(route.policies.basicAuth as object) }
      return
    case 'authname':
      route.policies.basicAuth = { ...(route.policies.basicAuth as object), realm: args[0] }
      return
    case 'header': {
      const [first, ...rest] = args[0] === 'always' ? args.slice(1) : args
      const [field = '', value = ''] = rest
      if (first === 'set' && !value.includes('%')) return setField(route, 'response', field, value)
      if (first === 'unset') return
      return leave('a field with variables is not known beforehand')
    }
    case 'requestheader': {
      const [first, field = '', value = ''] = args
      if (/^x-(forwarded-|real-ip)/i.test(field)) return
      if (first === 'set' && !value.includes('%')) return setField(route, 'request', field, value)
      return leave('a field with variables is not known beforehand')
    }
    case 'proxypreservehost':
      if (/^on$/i.test(args[0] ?? '')) route.host = undefined
      return
    case 'proxytimeout':
      route.timeouts ??= { response: `${args[0]}s`, idle: `${args[0]}s` }
      return
    case 'limitrequestbody':
      if (args[0] !== '0') route.policies.maxBody = `${args[0]}B`
      return
    case 'addoutputfilterbytype':
      if (args[0] === 'DEFLATE') route.policies.compress = true
      return
    case 'sslproxyverify': {
      const upstream = route.to === undefined ? undefined : imported.upstreams.get(route.to)
      if (args[0] === 'none' && upstream !== undefined) upstream.tls = { insecureSkipVerify: true }
      return
    }
    default:
      if (own && !byItself.test(name) && !/^ProxyPass$/i.test(name)) leave('has no counterpart here')
  }
}

function setField(route: ImportedRoute, way: 'request' | 'response', field: string, value: string): void {
  const headers = (route.policies.headers ?? {}) as Record<string, { set: Record<string, string> }>
  route.policies.headers = { ...headers, [way]: { set: { ...headers[way]?.set, [field]: value } } }
}
