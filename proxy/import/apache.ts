import { leadsToHttps, readPassed, readRewrites } from './apache-rewrite.ts'
import { applyRule, isByItself } from './apache-rules.ts'
import { type Host, keepPrograms, leaveOut, proxyTo, readSections } from './apache-sections.ts'
import { type Entry, parseApache, withoutConditions } from './apache-syntax.ts'
import { closedUntilDecided, closePath, closeRoute, isWithin } from './guards.ts'
import {
  emptyImport,
  type Imported,
  type ImportedRoute,
  inOrder,
  listenerOf,
  setListener,
} from './imported.ts'

/**
 * Reads virtual hosts of Apache: ProxyPass, DocumentRoot, Alias, Redirect, and what sections ask of clients. Throws a
 * sentence for what is no Apache.
 */
export function importApache(text: string): Imported {
  const imported = emptyImport()
  const entries = withoutConditions(parseApache(text))
  const hosts = entries.filter(({ name }) => /^virtualhost$/i.test(name))
  if (hosts.length === 0) throw new Error('there is no <VirtualHost> in it')
  // What stands around them is said of all.
  const shared = entries.filter(({ name }) => ofAll.test(name))
  const defaults = new Map<string, Entry>()
  for (const host of hosts)
    for (const address of host.args) if (!defaults.has(address)) defaults.set(address, host)
  for (const host of hosts) {
    const isDefault = [...defaults.values()].includes(host)
    readVirtualHost({ ...host, block: [...shared, ...host.block] }, isDefault, imported)
  }
  return inOrder(imported)
}

// --- internal ---

const ofAll =
  /^(Location|LocationMatch|Directory|DirectoryMatch|Files|FilesMatch|Proxy|ProxyMatch|If|Include\w*|Use|RemoteIP\w+|Header|RequestHeader|RewriteRule|RewriteCond|Redirect\w*|Sec\w+)$/i

function readVirtualHost({ args, block, line }: Entry, isDefault: boolean, imported: Imported): void {
  const find = (name: RegExp) => block.filter((entry) => name.test(entry.name))
  const valueIn = (name: RegExp) => find(name).at(-1)?.args[0]
  const isTls = /^on$/i.test(valueIn(/^SSLEngine$/i) ?? '')
  const listeners = [...new Set(args.map((address) => openListener(address, isTls, imported)))]
  const hosts = [...find(/^ServerName$/i), ...find(/^ServerAlias$/i)].flatMap((entry) =>
    entry.args.map((name) => name.replace(/^https?:\/\//, '').replace(/:\d+$/, '')),
  )
  if (hosts.length === 0 && !isDefault)
    return leaveOut(
      { imported },
      { name: '<VirtualHost', args, line, block: [] },
      'no request comes here: another host is the default',
    )
  const cert = valueIn(/^SSLCertificateFile$/i)
  const key = valueIn(/^SSLCertificateKeyFile$/i)
  if (cert !== undefined && key !== undefined && !imported.certificates.some((pair) => pair.cert === cert))
    imported.certificates.push({ cert, key })
  const protocols = find(/^SSLProtocol$/i)
    .at(-1)
    ?.args.join(' ')
  if (/^(-all )?\+?TLSv1\.3$/i.test(protocols ?? '')) imported.minVersion = 'TLSv1.3'
  trustProxies(block, imported)
  const isPlain = listeners.every((name) => imported.listeners.get(name)?.tls === false)
  if (isPlain && leadsToHttps(block, hosts)) {
    const https = listenerOf(imported, 443, true)
    for (const name of listeners) setListener(imported, name, { redirect: https })
    return
  }

  const routes: ImportedRoute[] = []
  const place = (path: string, at: number): ImportedRoute => ({
    name: '',
    line: at,
    hosts,
    path: path.replace(/(.)\/+$/, '$1'),
    exact: false,
    listeners,
    policies: {},
  })
  const add = (path: string, at: number): ImportedRoute => {
    const route = place(path, at)
    routes.push(route)
    return route
  }
  const folders = find(/^Alias$/i).map(({ args: [path = '/', root = ''], line: at }) => ({
    path: path.replace(/(.)\/+$/, '$1'),
    root,
    line: at,
  }))
  const top = find(/^DocumentRoot$/i).at(-1)
  if (top?.args[0] !== undefined) folders.push({ path: '/', root: top.args[0], line: top.line })
  const balancers = new Map(
    find(/^Proxy$/i).flatMap(({ args: [address = ''], block: inner }) => {
      const members = inner
        .filter(({ name }) => /^BalancerMember$/i.test(name))
        .map((each) => each.args[0] ?? '')
      return members.length === 0 ? [] : [[address.replace(/\/$/, ''), members] as const]
    }),
  )
  const host: Host = { imported, routes, place, add, folders, balancers }
  readPasses(find(/^ProxyPass$/i), host)
  const passed = readPassed(block, host)
  readSections(block, host)
  readRewrites(block, passed, host)
  for (const route of routes)
    for (const entry of block)
      if (!/^Require|^(Order|Allow|Deny)$/i.test(entry.name))
        applyRule(route, entry, { imported, own: false })
  for (const entry of block)
    if (!isByItself(entry.name)) applyRule({ ...nowhere, policies: {} }, entry, { imported, own: true })
  readScripts(block, host)
  const asked = askForCertificates(block, listeners, imported)
  const log = valueIn(/^CustomLog$/i)
  for (const route of routes) {
    if (!asked) closeRoute(route)
    if (log !== undefined && !/[|$]/.test(log)) route.accessLog ??= log
  }
  imported.routes.push(...routes.filter(({ to, files, redirect }) => to ?? files ?? redirect))
}

const nowhere = { name: '', line: 0, hosts: [], path: '/', exact: false, listeners: [] }

/** `*:80`, `_default_:443`, `10.0.0.1`, `[::1]:8080`. */
function openListener(address: string, isTls: boolean, imported: Imported): string {
  const [, written = '', port] = /^(\[[^\]]*\]|[^:]*)(?::(\d+|\*))?$/.exec(address) ?? []
  const number = port === undefined || port === '*' ? (isTls ? 443 : 80) : Number(port)
  const host = written.replace(/^\[|\]$/g, '')
  const isAll = /^(\*|_default_|0\.0\.0\.0|::|)$/.test(host) || /[^0-9A-Fa-f:.]/.test(host)
  return listenerOf(imported, number, isTls || number === 443, isAll ? undefined : host)
}

/** The first that fits counts: what is taken by one before cannot be asked for any more. */
function readPasses(passes: readonly Entry[], host: Host): void {
  const { routes, place, add, folders } = host
  const kept: Entry[] = []
  for (const [index, pass] of passes.entries()) {
    const [path = '/', target = '', ...options] = pass.args
    const bare = path.replace(/(.)\/+$/, '$1')
    const before = passes
      .slice(0, index)
      .find((other) => isWithin(bare, (other.args[0] ?? '/').replace(/(.)\/+$/, '$1')))
    if (before !== undefined) leaveOut(host, pass, `what stands in line ${before.line} has taken it before`)
    else if (target === '!') kept.push(pass)
    else proxyTo(add(path, pass.line), target, options, host)
  }
  // Files at a path count where nothing is passed on, or where that is said.
  const isPassed = (path: string): boolean =>
    routes.some((route) => route.to !== undefined && isWithin(path, route.path))
  const isKept = (path: string): boolean =>
    kept.some(({ args }) => isWithin(path, place(args[0] ?? '/', 0).path))
  for (const { path, root, line } of folders.filter((each) => !isPassed(each.path) || isKept(each.path)))
    if (!routes.some((route) => route.path === path)) add(path, line).files = root
  for (const pass of kept) {
    const at = place(pass.args[0] ?? '/', pass.line)
    const folder = folders.find(({ path }) => isWithin(at.path, path))
    if (routes.some(({ path }) => path === at.path)) continue
    if (folder === undefined) closePath(routes, at)
    else
      add(at.path, pass.line).files =
        `${folder.root.replace(/\/+$/, '')}${at.path.slice(folder.path === '/' ? 0 : folder.path.length)}`
  }
}

/** Programs, and folders that say for themselves who may come. */
function readScripts(block: readonly Entry[], host: Host): void {
  const { routes, place } = host
  if (!routes.some(({ files }) => files !== undefined)) return
  const all = deep(block)
  for (const { args, line } of all.filter(({ name }) => /^ScriptAlias$/i.test(name))) {
    closePath(routes, place(args[0] ?? '/', line))
    host.imported.leftOut.push({
      line,
      text: `ScriptAlias ${args.join(' ')}`,
      why: `services speak HTTP here: ${closedUntilDecided}`,
    })
  }
  const runs = all.find(
    ({ name, args }) =>
      (/^(SetHandler|AddHandler|Action|php_\w+|WSGIScriptAlias|PassengerEnabled)$/i.test(name) &&
        !/^(server-status|server-info|balancer-manager|default-handler|none|type-map)$/i.test(
          args[0] ?? '',
        )) ||
      (/^DirectoryIndex$/i.test(name) && args.some((word) => /\.(php|cgi|pl)$/.test(word))),
  )
  if (runs !== undefined) return keepPrograms(runs, host)
  const asks = all.find(({ name, args }) => /^AllowOverride$/i.test(name) && !/^none$/i.test(args[0] ?? ''))
  if (asks !== undefined) {
    for (const route of routes) if (route.files !== undefined) closeRoute(route)
    return leaveOut(host, asks, `what .htaccess says is not read: ${closedUntilDecided}`)
  }
  const [root] = all.filter(({ name }) => /^DocumentRoot$/i.test(name))
  if (root !== undefined)
    leaveOut(
      host,
      root,
      'files are served as they are: a program, such as one of PHP, would be shown and not run',
    )
}

function deep(block: readonly Entry[]): Entry[] {
  return block.flatMap((entry) => [entry, ...deep(entry.block)])
}

/** `SSLVerifyClient`: of a listener here. Answers whether it could be said. */
function askForCertificates(
  block: readonly Entry[],
  listeners: readonly string[],
  imported: Imported,
): boolean {
  const asks = block.findLast(({ name }) => /^SSLVerifyClient$/i.test(name))
  const ca = block.findLast(({ name }) => /^SSLCACertificateFile$/i.test(name))?.args[0]
  const within = deep(block).find((entry) => /^SSLVerifyClient$/i.test(entry.name) && !block.includes(entry))
  const wanted = within ?? asks
  if (wanted === undefined || /^none$/i.test(wanted.args[0] ?? '')) return true
  const clientCertificates = { ca: ca ?? '', require: /^require$/i.test(wanted.args[0] ?? '') }
  const others = listeners.map((name) => imported.listeners.get(name)?.clientCertificates)
  const isOther = others.some(
    (other) => other !== undefined && (other.ca !== ca || other.require !== clientCertificates.require),
  )
  if (within !== undefined || ca === undefined || isOther || /no_ca$/i.test(wanted.args[0] ?? '')) {
    leaveOut(
      { imported },
      wanted,
      `a listener asks all its hosts and paths alike, by one authority: ${closedUntilDecided}`,
    )
    return false
  }
  for (const name of listeners) setListener(imported, name, { clientCertificates })
  return true
}

function trustProxies(block: readonly Entry[], imported: Imported): void {
  for (const entry of block) {
    if (/^RemoteIP(InternalProxy|TrustedProxy)$/i.test(entry.name))
      for (const network of entry.args) imported.trustedProxies.add(network)
    if (/^RemoteIPHeader$/i.test(entry.name) && !/^x-forwarded-for$/i.test(entry.args[0] ?? ''))
      leaveOut({ imported }, entry, 'of those in front, X-Forwarded-For is read here: see that they send it')
  }
}
