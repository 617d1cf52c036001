import { addHeaders, askForPasswords, leaveOut, proxyTarget } from './caddyfile-directives.ts'
import { type Matcher, matcherOf, narrow } from './caddyfile-matchers.ts'
import { type CaddyLine, parseCaddyfile } from './caddyfile-syntax.ts'
import { closedUntilDecided, closeRoute } from './guards.ts'
import { emptyImport, type Imported, type ImportedRoute, listenerOf } from './imported.ts'

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
  readonly methods?: readonly string[]
  readonly inherited: Readonly<Record<string, unknown>>
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
      // Whom the block is not for would go on to another in Caddy. Here they are refused.
      for (const path of paths)
        readBlock(line.block ?? [], {
          ...place,
          path: path ?? place.path,
          prefix,
          methods: found?.methods ?? place.methods,
          inherited: narrow(place.inherited, found),
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
      methods: named?.methods ?? place.methods,
      listeners: place.listeners,
      policies: { ...narrow(place.inherited, named) },
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
