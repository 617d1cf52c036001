import { addHeaders, askForPasswords, editRequest, leaveOut, proxyTarget } from './caddyfile-directives.ts'
import { withEnvironment, withSnippets } from './caddyfile-expand.ts'
import { type Matcher, matcherIn, matcherOf, narrow, without } from './caddyfile-matchers.ts'
import { addRoutes, noteCase, noteDeeper, type Place, pathOf } from './caddyfile-routes.ts'
import { askForCertificates, type Global, openSite, readGlobal } from './caddyfile-site.ts'
import { type CaddyLine, parseCaddyfile } from './caddyfile-syntax.ts'
import { closedUntilDecided, closePath, closeRoute } from './guards.ts'
import { emptyImport, type Imported, inOrder } from './imported.ts'

/**
 * Reads a Caddyfile: sites with `reverse_proxy`, `file_server`, `redir`, `handle`, `header`, `encode`, `basicauth`,
 * matchers of paths, methods and addresses. Throws a sentence for what is no Caddyfile.
 */
export function importCaddyfile(text: string): Imported {
  const imported = emptyImport()
  const lines = parseCaddyfile(withEnvironment(text))
  const [first, ...rest] = lines
  const hasGlobal = first !== undefined && first.words.length === 0
  const global = readGlobal(hasGlobal ? first : undefined, imported)
  const written = withSnippets(hasGlobal ? rest : lines)
  // One site alone may stand without braces.
  const [head, ...body] = written
  const isBare = head !== undefined && head.block === undefined && head.words[0] !== 'import'
  const sites = isBare ? [{ ...head, block: body }] : written
  for (const site of sites) {
    if (site.block === undefined) leaveOut(imported, site, 'what it names is not read')
    else readSite(site, imported, global)
  }
  if (imported.routes.length === 0) throw new Error('there is no site in it')
  return inOrder(imported)
}

// --- internal ---

function readSite(site: CaddyLine, imported: Imported, global: Global): void {
  const block = site.block ?? []
  const opened = openSite(site, imported, global)
  if (opened === undefined) return
  const matchers = new Map<string, Matcher>()
  const gather = (lines: readonly CaddyLine[]): void => {
    for (const line of lines) {
      const [name = ''] = line.words
      // One that is named twice, in two blocks, is none that is known.
      if (name.startsWith('@'))
        matchers.set(name, matchers.has(name) ? { isUnknown: true } : matcherOf(line, imported))
      else gather(line.block ?? [])
    }
  }
  gather(block)
  let isClosed = !askForCertificates(block, opened.listeners, imported)
  const place: Place = {
    imported,
    ...opened,
    matchers,
    routes: [],
    closed: [],
    close: () => {
      isClosed = true
    },
    inherited: {},
  }
  readBlock(block, place)
  const { routes, closed } = place
  for (const at of closed.sort((a, b) => a.path.length - b.path.length))
    closePath(routes, { ...at, hosts: place.hosts, listeners: place.listeners })
  const runs = findDeep(block, /^(php_fastcgi|cgi|exec|frankenphp|php_server)$/)
  for (const route of routes)
    if (isClosed || (runs !== undefined && route.files !== undefined)) closeRoute(route)
  imported.routes.push(...routes)
}

function findDeep(block: readonly CaddyLine[], name: RegExp): CaddyLine | undefined {
  for (const line of block) {
    const found = name.test(line.words[0] ?? '') ? line : findDeep(line.block ?? [], name)
    if (found !== undefined) return found
  }
  return undefined
}

/** A directive, apart: its name, its matcher if it has one, and the rest. */
function apart({ words: [name = '', ...words] }: CaddyLine): {
  name: string
  matcher?: string
  args: string[]
} {
  const hasMatcher = /^([/@]|\*$)/.test(words[0] ?? '')
  return hasMatcher ? { name, matcher: words[0], args: words.slice(1) } : { name, args: words }
}

/** Directives that say something of all requests of their block, and those that end a request. */
function readBlock(block: readonly CaddyLine[], around: Place): void {
  let policies: Record<string, unknown> = { ...around.inherited }
  let { root, isSpa } = around
  const close = (line: CaddyLine, why: string): void => {
    leaveOut(around.imported, line, `${why}: ${closedUntilDecided}`)
    around.close()
  }
  for (const line of block) {
    const { name, matcher, args } = apart(line)
    const found = matcherIn(matcher, around.matchers)
    switch (name) {
      case 'encode':
        policies.compress = true
        break
      case 'header':
        addHeaders(line, policies, around)
        break
      case 'request_header':
        editRequest(line, { policies }, around)
        break
      case 'basicauth':
      case 'basic_auth':
        askForPasswords(line, policies, around)
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
        close(line, 'write it as the policy `forwardAuth: { url: … }`')
        break
      case 'abort':
      case 'error':
      case 'respond':
        if (!hasPlace(found) && (found.allow ?? found.deny) !== undefined && !isMild(args))
          policies = without(policies, found) as Record<string, unknown>
        else if (found.isUnknown || (hasPlace(found) && found.paths === undefined))
          close(line, 'whom it refuses is not read')
        else refusePaths(line, found, around)
        break
      case 'try_files':
        if (matcher === undefined && args.at(-1) === '/index.html') isSpa = true
        else if (!/^(=404|\{path\}\/?)$/.test(args.at(-1) ?? ''))
          leaveOut(around.imported, line, 'what is no file is 404 here, or the index of the folder')
        break
      case 'redir':
        if (found.isUnknown || found.allow !== undefined || found.deny !== undefined)
          close(line, 'whom it sends elsewhere is not read')
        break
      default:
        // What may guard is whatever is not known to do something else.
        if (!known.test(name)) close(line, whys[name] ?? 'what may guard has no counterpart here')
        else if (found.isUnknown && !harmless.test(name)) close(line, 'which requests it takes is not read')
    }
  }
  for (const line of block) readEnding(line, { ...around, inherited: policies, root, isSpa })
}

/** Whether it takes some paths or methods, and not only some clients. */
function hasPlace({ paths, methods, isUnknown }: Matcher): boolean {
  return paths !== undefined || methods !== undefined || isUnknown === true
}

/** Whether an answer refuses nobody. */
function isMild(args: readonly string[]): boolean {
  return !args.some((word) => /^[45]\d\d$/.test(word)) && args.length > 0
}

/** An answer of Caddy's own keeps its path from whatever is behind: nobody comes there here. */
function refusePaths(line: CaddyLine, matcher: Matcher, { path, closed, imported }: Place): void {
  const { name, args } = apart(line)
  const { paths } = matcher
  if (matcher.allow !== undefined || matcher.deny !== undefined || matcher.methods !== undefined)
    leaveOut(imported, line, `here it refuses whoever comes there: ${closedUntilDecided}`)
  for (const written of paths ?? [path ?? '/*']) {
    closed.push({ ...pathOf(written), line: line.line })
    if (written !== '/*') noteCase(imported, line, written)
  }
  if (name === 'respond' && isMild(args))
    leaveOut(
      imported,
      line,
      'answers are files, redirects, and what services say; `maintenance` closes a route with words of yours',
    )
}

const known =
  /^(@.*|encode|header|request_header|basicauth|basic_auth|request_body|root|handle|handle_path|handle_errors|route|reverse_proxy|file_server|redir|rewrite|uri|try_files|php_fastcgi|templates|log|log_skip|skip_log|log_name|log_append|tls|bind|push|tracing|metrics|vars|map|method|fs|copy_response.*|intercept|acme_server|respond)$/

/** A condition on these lets nobody in who was kept out without it. */
const harmless =
  /^(@.*|encode|header|request_body|log.*|skip_log|push|tracing|templates|handle_errors|request_header|try_files)$/

const whys: Readonly<Record<string, string>> = {
  import: 'what it names is not read, write it where it is imported',
}

function readEnding(line: CaddyLine, place: Place): void {
  const { name, matcher, args } = apart(line)
  const { imported, root, matchers } = place
  const found = matcherIn(matcher, matchers)
  const deeper = found.paths?.find((path) => /^\/.+\/\*$/.test(path))
  if (deeper !== undefined) noteDeeper(imported, line, deeper)
  switch (name) {
    case 'handle':
    case 'route':
    case 'handle_path': {
      const prefix = name === 'handle_path' ? ('strip' as const) : place.prefix
      // Whom the block is not for would go on to another in Caddy. Here they are refused.
      for (const path of found.paths ?? [place.path])
        readBlock(line.block ?? [], {
          ...place,
          path,
          prefix,
          methods: found.methods ?? place.methods,
          inherited: narrow(place.inherited, found),
        })
      return
    }
    case 'reverse_proxy':
      return addRoutes(found, line, place, (route) => {
        route.to = proxyTarget(line, args, route, place)
      })
    case 'file_server':
      if (root === undefined)
        return leaveOut(imported, line, 'it serves the folder that Caddy was started in: write `files`')
      if (args[0] === 'browse') leaveOut(imported, line, 'folders are not listed here')
      return addRoutes(found, line, place, (route) => {
        // Caddy looks for the whole path below its root, unless handle_path took the prefix off.
        const below = route.path === '/' || route.prefix === 'strip' ? '' : route.path
        const folder = `${root.replace(/\/+$/, '')}${below}`
        route.files = place.isSpa ? { root: folder, spa: true } : folder
        route.prefix = undefined
      })
    case 'redir': {
      const location = (args[0] ?? '').replaceAll('{uri}', '{path}{query}').replaceAll('{scheme}', 'https')
      const status = { permanent: 301, temporary: 302, html: 302 }[args[1] ?? 'temporary'] ?? Number(args[1])
      if (/\{(?!path\}|query\})/.test(location)) {
        for (const path of found.paths ?? [place.path ?? '/*'])
          place.closed.push({ ...pathOf(path), line: line.line })
        return leaveOut(
          imported,
          line,
          `a redirect leads to an address that is written out: ${closedUntilDecided}`,
        )
      }
      return addRoutes(found, line, place, (route) => {
        route.redirect = { location, status: [301, 302, 303, 307, 308].includes(status) ? status : 302 }
      })
    }
    default:
      if (!silent.test(name)) leaveOut(imported, line, leftOut[name] ?? 'has no counterpart here')
  }
}

/** What is read elsewhere, or told there. */
const silent =
  /^(@.*|encode|header|request_header|basicauth|basic_auth|request_body|root|log|log_skip|skip_log|tls|bind|respond|abort|error|forward_auth|import|try_files)$/

const leftOut: Readonly<Record<string, string>> = {
  rewrite: 'a prefix is kept, stripped or replaced (`forward.prefix`); anything else is the service’s own',
  uri: 'a prefix is kept, stripped or replaced (`forward.prefix`); anything else is the service’s own',
  php_fastcgi:
    'files beside programs stay closed: without their interpreter, programs would be shown to everybody',
}
