import { type CaddyLine, parseCaddyfile } from './caddyfile-syntax.ts'
import { closedUntilDecided, closeRoute } from './guards.ts'
import {
  emptyImport,
  type Imported,
  type ImportedRoute,
  listenerOf,
  passwordsOf,
  upstreamOf,
} from './imported.ts'

/**
 * Reads a Caddyfile: sites with `reverse_proxy`, `file_server`, `redir`, `handle`, `header`, `encode`, `basicauth`,
 * matchers of paths, methods and addresses. Throws a sentence for what is no Caddyfile.
 */
export function importCaddyfile(text: string): Imported {
  const imported = emptyImport()
  const [first, ...rest] = parseCaddyfile(text)
  const hasGlobal = first !== undefined && first.words.length === 0
  const sites = hasGlobal ? rest : [...(first === undefined ? [] : [first]), ...rest]
  const email = first?.block?.find(({ words }) => words[0] === 'email')?.words[1]
  for (const site of sites) {
    if (/^\(/.test(site.words[0] ?? ''))
      leaveOut(imported, site, 'snippets are not read: write them where they are imported')
    else if (site.block === undefined) leaveOut(imported, site, 'a site without braces is not read')
    else readSite(site, imported, email)
  }
  if (imported.routes.length === 0) throw new Error('there is no site in it')
  return imported
}

// --- internal ---

interface Place {
  readonly imported: Imported
  readonly hosts: readonly string[]
  readonly listeners: readonly string[]
  readonly matchers: ReadonlyMap<string, Matcher>
  /** What `handle_path` takes off. */
  readonly prefix?: 'strip'
  readonly path?: string
  readonly inherited: Readonly<Record<string, unknown>>
}

interface Matcher {
  readonly paths?: readonly string[]
  readonly methods?: readonly string[]
  readonly allow?: readonly string[]
  readonly deny?: readonly string[]
}

function readSite(site: CaddyLine, imported: Imported, email: string | undefined): void {
  const addresses = site.words.map((word) => word.replace(/,$/, '')).filter((word) => word !== '')
  const block = site.block ?? []
  const read = addresses.map((address) => readAddress(address, imported))
  const hosts = [...new Set(read.flatMap(({ host }) => (host === '' ? [] : [host])))]
  const secure = read.some(({ tls }) => tls)
  const listeners = [...new Set(read.map(({ listener }) => listener))]
  const tls = block.find(({ words }) => words[0] === 'tls')
  if (tls?.words.length === 3)
    imported.certificates.push({ cert: tls.words[1] ?? '', key: tls.words[2] ?? '' })
  else if (secure && tls?.words[1] !== 'internal')
    imported.automatic ??= email ?? tls?.words[1] ?? 'you@example.com'
  if (secure) {
    // Caddy sends plain HTTP to HTTPS by itself.
    const plain = imported.listeners.get(listenerOf(imported, 80, false))
    if (plain !== undefined) plain.redirect = 'https'
  }
  const matchers = new Map(
    block
      .filter(({ words }) => words[0]?.startsWith('@'))
      .map((line) => [line.words[0] as string, matcherOf(line, imported)]),
  )
  readBlock(block, { imported, hosts, listeners, matchers, inherited: {} })
}

function readAddress(address: string, imported: Imported): { host: string; tls: boolean; listener: string } {
  const [, scheme, host = '', port] = /^(?:(https?):\/\/)?([^:/]*)(?::(\d+))?/.exec(address) ?? []
  const tls = scheme === 'https' || (scheme !== 'http' && port !== '80' && host !== '')
  const number = port === undefined ? (tls ? 443 : 80) : Number(port)
  return { host, tls, listener: listenerOf(imported, number, tls) }
}

function matcherOf(line: CaddyLine, imported: Imported): Matcher {
  const entries = line.block?.map(({ words, line: at }) => ({ words, line: at })) ?? [
    { words: line.words.slice(1), line: line.line },
  ]
  let matcher: Matcher = {}
  for (const { words, line: at } of entries) {
    const not = words[0] === 'not'
    const [kind = '', ...values] = not ? words.slice(1) : words
    if (kind === 'path' && !not) matcher = { ...matcher, paths: values }
    else if (kind === 'method' && !not) matcher = { ...matcher, methods: values }
    else if (kind === 'remote_ip') {
      const networks = values
        .flatMap((value) => (value === 'private_ranges' ? privateRanges : [value]))
        .filter((value) => value !== 'forwarded')
      matcher = not ? { ...matcher, deny: networks } : { ...matcher, allow: networks }
    } else
      imported.leftOut.push({
        line: at,
        text: words.join(' '),
        why: 'a matcher looks at paths, methods and addresses here',
      })
  }
  return matcher
}

const privateRanges = ['192.168.0.0/16', '172.16.0.0/12', '10.0.0.0/8', '127.0.0.1/8', 'fd00::/8', '::1']

/** Directives that say something of all requests of their block, and those that end a request. */
function readBlock(block: readonly CaddyLine[], place: Place): void {
  const policies: Record<string, unknown> = { ...place.inherited }
  let root: string | undefined
  for (const line of block) {
    const [name = '', ...args] = line.words
    switch (name) {
      case 'encode':
        policies.compress = true
        break
      case 'header':
        addHeaders(line, policies, place)
        break
      case 'basicauth':
      case 'basic_auth':
        askForPasswords(line, policies, place)
        break
      case 'request_body': {
        const size = line.block?.find(({ words }) => words[0] === 'max_size')?.words[1]
        if (size !== undefined) policies.maxBody = size.toUpperCase()
        break
      }
      case 'root':
        root = args.at(-1)
        break
      case 'forward_auth':
      case 'import':
      case 'abort':
      case 'error':
        // What it keeps out, if anybody, is not known.
        closeRoute({ policies })
        break
      default:
        break
    }
  }
  for (const line of block) readEnding(line, { ...place, inherited: policies }, root)
}

function readEnding(line: CaddyLine, place: Place, root: string | undefined): void {
  const [name = '', ...words] = line.words
  const { imported } = place
  const hasMatcher = /^[/@*]/.test(words[0] ?? '')
  const matcher = hasMatcher ? words[0] : undefined
  const args = hasMatcher ? words.slice(1) : words
  const deeper = [matcher, ...(place.matchers.get(matcher ?? '')?.paths ?? [])].find(
    (path) => path !== undefined && /^\/.+\/\*$/.test(path),
  )
  if (deeper !== undefined) noteDeeper(imported, line, deeper)
  switch (name) {
    case 'handle':
    case 'route':
    case 'handle_path': {
      const prefix = name === 'handle_path' ? ('strip' as const) : undefined
      const found = matcher?.startsWith('@') ? place.matchers.get(matcher) : undefined
      const paths = found?.paths ?? [matcher?.startsWith('@') ? undefined : matcher]
      const allow = found?.allow === undefined ? {} : { allow: found.allow }
      for (const path of paths)
        readBlock(line.block ?? [], {
          ...place,
          path: path ?? place.path,
          prefix,
          inherited: { ...place.inherited, ...allow },
        })
      return
    }
    case 'reverse_proxy':
      return addRoutes(matcher, line, place, (route) => {
        route.to = proxyTarget(line, args, route, place)
      })
    case 'file_server':
      if (root !== undefined)
        addRoutes(matcher, line, place, (route) => {
          // Caddy looks for the whole path below its root, unless handle_path took the prefix off.
          const below = route.path === '/' || route.prefix === 'strip' ? '' : route.path
          route.files = `${root.replace(/\/+$/, '')}${below}`
          route.prefix = undefined
        })
      return
    case 'redir':
      return addRoutes(matcher, line, place, (route) => {
        const location = (args[0] ?? '').replaceAll('{uri}', '{path}{query}')
        const status = { permanent: 301, temporary: 302 }[args[1] ?? 'temporary'] ?? Number(args[1])
        route.redirect = { location, status }
      })
    case 'abort':
    case 'error':
    case 'respond':
    case 'php_fastcgi':
    case 'templates':
    case 'rewrite':
    case 'uri':
    case 'import':
    case 'forward_auth':
      return leaveOut(imported, line, whys[name] ?? 'has no counterpart here')
    case 'try_files':
    case 'log':
    case 'tls':
    case 'encode':
    case 'header':
    case 'basicauth':
    case 'basic_auth':
    case 'request_body':
    case 'root':
      return
    default:
      if (!name.startsWith('@')) leaveOut(imported, line, 'has no counterpart here')
  }
}

const whys: Readonly<Record<string, string>> = {
  respond:
    'answers are files, redirects, and what services say; `maintenance` closes a route with words of yours',
  rewrite: 'a prefix is kept, stripped or replaced (`forward.prefix`); anything else is the service’s own',
  uri: 'a prefix is kept, stripped or replaced (`forward.prefix`); anything else is the service’s own',
  import: `snippets are not read, write them where they are imported: ${closedUntilDecided}`,
  forward_auth: `write it as the policy \`forwardAuth: { url: … }\`: ${closedUntilDecided}`,
  abort: `whom it ends is not read: ${closedUntilDecided}`,
  error: `whom it refuses is not read: ${closedUntilDecided}`,
}

function addRoutes(
  matcher: string | undefined,
  line: CaddyLine,
  place: Place,
  finish: (route: ImportedRoute) => void,
): void {
  const named = matcher?.startsWith('@') ? place.matchers.get(matcher) : undefined
  const paths = named?.paths ?? [matcher?.startsWith('@') ? undefined : matcher]
  for (const written of paths) {
    const path = written === undefined || written === '*' ? (place.path ?? '/*') : written
    const route: ImportedRoute = {
      name: '',
      line: line.line,
      hosts: place.hosts,
      path: path.replace(/\*$/, '').replace(/(.)\/+$/, '$1') || '/',
      exact: !path.endsWith('*') && path !== '/',
      methods: named?.methods,
      listeners: place.listeners,
      policies: {
        ...place.inherited,
        ...(named?.allow === undefined ? {} : { allow: named.allow }),
        ...(named?.deny === undefined ? {} : { deny: named.deny }),
      },
      prefix: place.prefix,
    }
    finish(route)
    place.imported.routes.push(route)
  }
}

function noteDeeper(imported: Imported, line: CaddyLine, path: string): void {
  const why =
    'a prefix is its own path, too, here: /api/* is /api/ and below in Caddy, and /api goes elsewhere'
  if (!imported.leftOut.some((other) => other.why === why))
    imported.leftOut.push({ line: line.line, text: path, why })
}

function proxyTarget(
  line: CaddyLine,
  args: readonly string[],
  route: ImportedRoute,
  { imported }: Place,
): string {
  const more: Record<string, unknown> = {}
  const targets = args.map(targetOf)
  for (const { words, line: at, block } of line.block ?? []) {
    const [name, ...values] = words
    if (name === 'to') targets.push(...values.map(targetOf))
    else if (name === 'lb_policy')
      more.balance = { least_conn: 'leastConnections', ip_hash: 'hash' }[values[0] ?? ''] ?? undefined
    else if (name === 'health_uri') more.health = values[0]
    else if (name === 'header_up' && /^host$/i.test(values[0] ?? ''))
      route.host = values[1]?.startsWith('{') ? 'target' : values[1]
    else if (name === 'header_up' && /^x-(real-ip|forwarded-)/i.test(values[0] ?? '')) continue
    else if (name === 'transport' && block?.some((entry) => entry.words[0] === 'tls_insecure_skip_verify'))
      more.tls = { insecureSkipVerify: true }
    else if (!['flush_interval', 'health_interval', 'health_timeout'].includes(name ?? ''))
      imported.leftOut.push({
        line: at,
        text: words.join(' '),
        why: 'has no counterpart in an upstream here',
      })
  }
  if (more.balance === undefined) delete more.balance
  return upstreamOf(imported, targets, more)
}

function targetOf(address: string): string {
  if (/^unix\//.test(address)) return `unix:${address.slice('unix/'.length)}`
  if (/^https?:\/\//.test(address)) return address
  return `http://${address.startsWith(':') ? `127.0.0.1${address}` : address}`
}

/** Users within the Caddyfile become a password file: their bcrypt hashes stay good. */
function askForPasswords(
  line: CaddyLine,
  policies: Record<string, unknown>,
  { imported, matchers }: Place,
): void {
  const users = (line.block ?? []).flatMap(({ words: [user = '', hash = ''] }) => {
    // Older ones write the hash in Base64.
    const plain = hash.startsWith('$') ? hash : Buffer.from(hash, 'base64').toString()
    return plain.startsWith('$2') ? [`${user}:${plain}`] : []
  })
  const matcher = line.words.find((word) => /^[/@*]/.test(word))
  if (users.length === 0 || users.length !== line.block?.length) {
    leaveOut(imported, line, `its hashes are none of bcrypt: ${closedUntilDecided}`)
    closeRoute({ policies })
    return
  }
  if (matcher !== undefined && matcher !== '*')
    leaveOut(
      imported,
      line,
      `all around is asked for the password, not only ${matchers.get(matcher)?.paths?.join(' ') ?? matcher}: give that path a route of its own`,
    )
  policies.basicAuth = { users: passwordsOf(imported, users), realm: 'restricted' }
}

function addHeaders(line: CaddyLine, policies: Record<string, unknown>, { imported }: Place): void {
  const own = line.words.slice(1)
  const entries = line.block?.map(({ words, line: at }) => ({ words, at })) ?? [{ words: own, at: line.line }]
  const before = (policies.headers ?? {}) as {
    response?: { set?: Record<string, string>; remove?: string[] }
  }
  const response = { set: { ...before.response?.set }, remove: [...(before.response?.remove ?? [])] }
  for (const { words, at } of entries) {
    const [field = '', value] = words
    if (/^[/@]/.test(field))
      imported.leftOut.push({
        line: at,
        text: words.join(' '),
        why: 'give the route of that path its own `headers`',
      })
    else if (field.startsWith('-')) response.remove.push(field.slice(1))
    else if (value !== undefined && !value.includes('{')) response.set[field.replace(/^[+?>]/, '')] = value
    else
      imported.leftOut.push({
        line: at,
        text: words.join(' '),
        why: 'a field with placeholders is not known beforehand',
      })
  }
  const kept = Object.fromEntries(Object.entries(response).filter(([, each]) => Object.keys(each).length > 0))
  if (Object.keys(kept).length > 0) policies.headers = { ...before, response: kept }
}

function leaveOut(imported: Imported, { words, line }: CaddyLine, why: string): void {
  imported.leftOut.push({ line, text: words.join(' '), why })
}
