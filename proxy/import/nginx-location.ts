import { applyAccess, closedUntilDecided, closePath, closeRoute, isClosed } from './guards.ts'
import type { Imported, ImportedRoute } from './imported.ts'
import { isGuard } from './nginx-guards.ts'
import { applyRule, whyLeftOut } from './nginx-rules.ts'
import type { Door } from './nginx-server.ts'
import { ageOf, leaveOut, type Site } from './nginx-site.ts'
import type { Directive } from './nginx-syntax.ts'
import { isOfDotFiles, prefixesOf } from './prefix-pattern.ts'

/** Where a location stands. */
export interface LocationPlace extends Door {
  readonly site: Site
  /** What is said around it. */
  readonly around: readonly Directive[]
  /** The locations that begin with @, by name. */
  readonly named?: ReadonlyMap<string, Directive>
  /** Of the same server, the ones around first. */
  readonly routes: ImportedRoute[]
}

/**
 * A location as a route. One that cannot be said here closes its path, since the routes around it would serve that by
 * their own rules.
 */
export function readLocation(location: Directive, place: LocationPlace): void {
  const [modifier = '', written = '/'] = location.args.length > 1 ? location.args : ['', location.args[0]]
  if (written.startsWith('@')) return
  if (modifier !== '~' && modifier !== '~*') return readPath(location, { modifier, written }, place)
  const { imported } = place.site
  if (cacheByExtension(written, location.block ?? [], place.routes)) return
  // Without case it would be more paths than those.
  const paths = modifier === '~' ? prefixesOf(written) : undefined
  // A pattern goes before all paths in nginx, and here a longer path would go before it.
  const isHidden = (path: string): boolean => place.routes.some((route) => route.path.startsWith(`${path}/`))
  if (paths?.some(isHidden) === false) {
    for (const path of paths) readPath(location, { modifier: '', written: path }, place)
    return
  }
  const ofDotFiles = isOfDotFiles(written)
  const mayBeServed = place.routes.filter((route) => !(ofDotFiles && route.files !== undefined))
  if (mayBeServed.length > 0 && !isHarmless(location)) {
    for (const route of mayBeServed) closeRoute(route)
    leaveOut(
      imported,
      location,
      `a path is a prefix here, not a pattern, and this one guards: ${closedUntilDecided}`,
    )
  } else leaveOut(imported, location, 'a path is a prefix here, not a pattern; write a route for each')
}

// --- internal ---

/** Whether a pattern that is left out leaves its requests to rules that are no weaker. */
function isHarmless({ block = [] }: Directive): boolean {
  return block.every((rule) => {
    if (rule.name === 'return') return /^[123h$/]/.test(rule.args[0] ?? '')
    return !isGuard(rule) && !/^(allow|deny|auth_basic.*|limit_except|limit_req)$/.test(rule.name)
  })
}

function readPath(
  location: Directive,
  { modifier, written }: { modifier: string; written: string },
  place: LocationPlace,
): void {
  const { site, hosts, listeners, around, routes } = place
  const { imported } = site
  const block = withNamed(location, place)
  const path = written.replace(/(.)\/+$/, '$1')
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
  for (const said of rules) {
    const rule = withVariables(said, rules)
    if (applyRule(rule, route, site, written)) continue
    if (isGuard(rule)) closeRoute(route)
    if (block.includes(said)) leaveOut(imported, rule, whyLeftOut(rule))
  }
  limitAccess(rules, route, imported)
  noteUnverified(rules, route, imported)
  if (route.to !== undefined && !rules.some(({ name }) => name === 'client_max_body_size'))
    route.policies.maxBody = '1MB'
  mergeCacheControl(route)
  const isGuarded = ['allow', 'deny', 'basicAuth', 'methods'].some((name) => name in route.policies)
  if (!/\/$/.test(written) && modifier !== '=' && path !== '/')
    noteSegments(imported, location, path, isGuarded)
  if (route.to === undefined && route.files === undefined && route.redirect === undefined) {
    const isMeant = isClosed(route)
    if (closePath(routes, route) && !isMeant)
      leaveOut(imported, location, `it serves nothing that this proxy could serve: ${closedUntilDecided}`)
    else if (!isMeant) leaveOut(imported, location, 'it serves nothing that this proxy could serve')
    return
  }
  routes.push(route)
}

/** `set $app 10.0.0.1; proxy_pass http://$app:3000;` leads to an address that is known. */
function withVariables(rule: Directive, rules: readonly Directive[]): Directive {
  if (rule.name !== 'proxy_pass' || !rule.args[0]?.includes('$')) return rule
  const address = rule.args[0].replace(/\$\{?(\w+)\}?/g, (whole, name: string) => {
    const said = rules.filter(({ name: each, args }) => each === 'set' && args[0] === `$${name}`)
    const value = said.length === 1 ? said[0]?.args[1] : undefined
    return value === undefined || value.includes('$') ? whole : value
  })
  return { ...rule, args: [address] }
}

/** nginx believes any certificate of a target unless it is told to look. */
function noteUnverified(rules: readonly Directive[], { to }: ImportedRoute, imported: Imported): void {
  const pass = rules.find(({ name, args }) => name === 'proxy_pass' && /^https:/.test(args[0] ?? ''))
  const upstream = imported.upstreams.get(to ?? '')
  if (pass === undefined || upstream === undefined || upstream.tls !== undefined) return
  const why = `nginx believes any certificate there, and it is looked at here: give \`tls.ca\` of the upstream ${to} if it is signed by yourselves`
  if (!imported.leftOut.some((other) => other.why === why)) leaveOut(imported, pass, why)
}

/** `try_files … @app` leads to that location for what is no file: there it leads here in any case. */
function withNamed(location: Directive, { named, site, around }: LocationPlace): readonly Directive[] {
  const { block = [] } = location
  const tries = block.find(({ name }) => name === 'try_files')
  const target = named?.get(tries?.args.at(-1) ?? '')
  if (tries === undefined || target?.block === undefined) return block
  leaveOut(
    site.imported,
    tries,
    'files are not looked for before a service is asked: give them a route of their own',
  )
  const before = block.filter((rule) => rule !== tries && !/^(root|alias|index)$/.test(rule.name))
  // Both places are asked in nginx, one after the other.
  const isAsked = (rules: readonly Directive[], kind: string): boolean =>
    rules.some(({ name }) => kindOf(name) === kind)
  const isAskedTwice = ['allow', 'auth_basic', 'limit_req'].some(
    (kind) => isAsked(target.block ?? [], kind) && isAsked([...around, ...before], kind),
  )
  const closing: Directive[] = isAskedTwice ? [{ name: 'deny', args: ['all'], line: target.line }] : []
  return [...closing, ...before, ...target.block]
}

/** A path that is a prefix of names in nginx guards more there than here. */
function noteSegments(imported: Imported, location: Directive, path: string, isGuarded: boolean): void {
  const why = 'a prefix ends at a segment here: /api is /api and /api/…, and never /api-other'
  if (isGuarded)
    leaveOut(
      imported,
      location,
      `a prefix ends at a segment here: what else begins with ${path}, such as ${path}-other, has the rules of the path around it`,
    )
  else if (!imported.leftOut.some((other) => other.why === why)) leaveOut(imported, location, why)
}

/** `allow` and `deny` are one list, in their order. */
function kindOf(name: string): string {
  return name === 'deny' ? 'allow' : name
}

function limitAccess(rules: readonly Directive[], route: ImportedRoute, imported: Imported): void {
  const lines = rules.filter(({ name, args }) => /^(allow|deny)$/.test(name) && args[0] !== 'unix:')
  const wasClosed = isClosed(route)
  const access = lines.map(({ name, args }) => ({ passes: name === 'allow', network: args[0] ?? '' }))
  const isSame = applyAccess(access, route)
  if (wasClosed) closeRoute(route)
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
  routes: readonly ImportedRoute[],
): boolean {
  const extensions = /^\\\.\(\??:?([\w|]+)\)\$$/.exec(pattern)?.[1]?.split('|')
  const expires = block.find(({ name }) => name === 'expires')?.args[0]
  const isOnlyCache = block.every(({ name }) =>
    ['expires', 'add_header', 'access_log', 'try_files'].includes(name),
  )
  if (extensions === undefined || expires === undefined || !isOnlyCache) return false
  for (const route of routes) {
    const { rules = [] } = (route.policies.cache ?? {}) as { rules?: unknown[] }
    route.policies.cache = { rules: [{ extensions, maxAge: ageOf(expires) }, ...rules] }
  }
  return true
}
