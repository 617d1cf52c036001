import { applyRule } from './apache-rules.ts'
import type { Entry } from './apache-syntax.ts'
import { closedUntilDecided, closeRoute, isWithin, routeBelow } from './guards.ts'
import { type Imported, type ImportedRoute, upstreamOf } from './imported.ts'
import { isOfDotFiles, prefixesOf } from './prefix-pattern.ts'

/** What a virtual host is made of while it is read. */
export interface Host {
  readonly imported: Imported
  readonly routes: ImportedRoute[]
  /** A route of this host for a path, that leads nowhere yet; and one that is among `routes` already. */
  readonly place: (path: string, line: number) => ImportedRoute
  readonly add: (path: string, line: number) => ImportedRoute
  /** Folders that are served, and at which path. */
  readonly folders: readonly { readonly path: string; readonly root: string; readonly line: number }[]
  /** Targets of `<Proxy balancer://…>`, by the address. */
  readonly balancers: ReadonlyMap<string, readonly string[]>
}

/** Sections of a host, in the order in which Apache asks them: folders, files, addresses; the deeper one counts. */
export function readSections(sections: readonly Entry[], host: Host): void {
  const named = (name: RegExp) => sections.filter((section) => name.test(section.name))
  const byDepth = (a: Entry, b: Entry): number => pathOf(a).length - pathOf(b).length
  for (const section of named(/^Directory$/i)
    .filter(({ args }) => args[0] !== '~')
    .sort(byDepth))
    for (const at of pathsOfFolder(section, host.folders)) readLocation(at, host, isFile)
  for (const section of [
    ...named(/^(DirectoryMatch|Files|FilesMatch)$/i),
    ...named(/^Directory$/i).filter(({ args }) => args[0] === '~'),
  ])
    guardFiles(section, host)
  for (const section of named(/^(Proxy|ProxyMatch)$/i)) guardProxied(section, host)
  const locations = named(/^(Location|LocationMatch)$/i)
  for (const section of locations.flatMap(prefixed).sort(byDepth)) readLocation(section, host)
  // After whatever opens a path again.
  for (const section of locations)
    if (prefixed(section).length === 0) closeIfGuarded(section, host, host.routes)
}

export function leaveOut(
  { imported }: Pick<Host, 'imported'>,
  { name, args, line }: Entry,
  why: string,
): void {
  imported.leftOut.push({ line, text: [name, ...args].join(' '), why })
}

export function proxyTo(
  route: ImportedRoute,
  address: string,
  options: readonly string[],
  { imported, balancers }: Pick<Host, 'imported' | 'balancers'>,
): void {
  const unix = /^unix:([^|]+)\|/.exec(address)?.[1]
  const [, scheme = 'http', authority = '', uri = ''] =
    /^(?:unix:[^|]+\|)?(\w+):\/\/([^/]*)(\/.*)?$/.exec(address) ?? []
  const target = unix === undefined ? `${scheme.replace(/^ws/, 'http')}://${authority}` : `unix:${unix}`
  route.to = upstreamOf(imported, balancers.get(`${scheme}://${authority}`) ?? [target])
  // Apache sends the target's own Host unless it is told to keep the client's.
  route.host = 'target'
  const prefix = uri.replace(/\/+$/, '')
  if (prefix !== (route.path === '/' ? '' : route.path)) route.prefix = prefix === '' ? 'strip' : prefix
  const timeout = options
    .map((option) => /^timeout=(\d+)$/.exec(option)?.[1])
    .find((found) => found !== undefined)
  if (timeout !== undefined) route.timeouts = { response: `${timeout}s`, idle: `${timeout}s` }
}

// --- internal ---

const isFile = ({ files }: ImportedRoute): boolean => files !== undefined

function pathOf({ args }: Entry): string {
  return (args.at(-1) ?? '/').replace(/(.)\/+$/, '$1')
}

/** Patterns that are prefixes by another spelling become these; none for others. */
function prefixed(section: Entry): Entry[] {
  const isPattern = /match$/i.test(section.name) || section.args[0] === '~'
  if (!isPattern) return [section]
  return (prefixesOf(section.args.at(-1) ?? '') ?? []).map((path) => ({ ...section, args: [path] }))
}

function guardFiles(section: Entry, host: Host): void {
  const pattern = section.args.at(-1) ?? ''
  const files = host.routes.filter(isFile)
  if (files.length === 0) return
  const isOfDots = /^Files$/i.test(section.name) ? pattern.startsWith('.') : /^\^\\\./.test(pattern)
  const isOfDotFolders = /^Directory/i.test(section.name) && isOfDotFiles(pattern)
  const runs = section.block.find(({ name, args }) => /^SetHandler$/i.test(name) && args[0] !== 'none')
  if (runs !== undefined) return keepPrograms(runs, host)
  if (!isOfDots && !isOfDotFolders) closeIfGuarded(section, host, files)
}

/** A program whose interpreter stays behind would be shown instead of run. */
export function keepPrograms(entry: Entry, host: Host): void {
  for (const route of host.routes.filter(isFile)) closeRoute(route)
  if (host.imported.leftOut.some(({ line }) => line === entry.line)) return
  leaveOut(
    host,
    entry,
    'files beside programs stay closed: without their interpreter, programs would be shown to everybody',
  )
}

function closeIfGuarded(section: Entry, host: Host, routes: readonly ImportedRoute[]): void {
  const trial: ImportedRoute = { ...nowhere, policies: {} }
  for (const entry of section.block) applyRule(trial, entry, { imported: host.imported, own: false })
  const guards = Object.keys(trial.policies).some((name) => !/^(headers|compress|cache)$/.test(name))
  if (guards) for (const route of routes) closeRoute(route)
  const why = 'a path is a prefix here, not a pattern'
  leaveOut(host, section, guards ? `${why}, and this one guards: ${closedUntilDecided}` : why)
}

const nowhere = { name: '', line: 0, hosts: [], path: '/', exact: false, listeners: [] }

/** `<Proxy *>` is about whatever is relayed; of one address it is about some of it, and that is not looked at. */
function guardProxied(section: Entry, host: Host): void {
  const rules = section.block.filter(({ name }) => !/^(BalancerMember|ProxySet)$/i.test(name))
  if (rules.every(({ name, args }) => /^Require$/i.test(name) && /^all granted$/i.test(args.join(' '))))
    return
  const at = { ...section, name: 'Location', args: ['/'], block: rules }
  for (const route of host.routes) if (route.to !== undefined) readOn(at, route, { host, own: true })
}

/** What a section says counts for its path and all below. */
function readLocation(
  section: Entry,
  host: Host,
  isMeant: (route: ImportedRoute) => boolean = () => true,
): void {
  const { routes, add } = host
  const path = pathOf(section)
  const around = [...routes]
    .filter(isMeant)
    .sort((a, b) => b.path.length - a.path.length)
    .find((route) => isWithin(path, route.path))
  if (around?.path !== path)
    Object.assign(add(path, section.line), around === undefined ? {} : routeBelow(around, path))
  const pass = section.block.find(({ name }) => /^ProxyPass$/i.test(name))
  for (const route of routes.filter((other) => isWithin(other.path, path))) {
    if (pass?.args[0] !== undefined && route.path === path)
      proxyTo(route, pass.args[0], pass.args.slice(1), host)
    if (isMeant(route)) readOn(section, route, { host, own: route.path === path })
  }
}

/** Applies what stands in a section to a route. */
function readOn(section: Entry, route: ImportedRoute, { host, own }: { host: Host; own: boolean }): void {
  const { imported } = host
  const requires = section.block.filter(({ name }) => /^Require$/i.test(name))
  const [first] = requires
  if (first !== undefined) forgetRequires(route, requires)
  for (const entry of section.block) applyRule(route, entry, { imported, own })
  const { allow, basicAuth } = route.policies as { allow?: unknown; basicAuth?: { users?: string } }
  const asksForUser = requires.some(({ args }) => /^valid-user$/i.test(args[0] ?? ''))
  if (asksForUser && basicAuth?.users === undefined) {
    if (own && first !== undefined)
      leaveOut(host, first, `who a user is, no password file says: ${closedUntilDecided}`)
    delete route.policies.basicAuth
    closeRoute(route)
  } else if (own && first !== undefined && allow !== undefined && basicAuth !== undefined)
    imported.leftOut.push({
      line: first.line,
      text: requires.map(({ args }) => `Require ${args.join(' ')}`).join(', '),
      why: 'one of them is enough for Apache, and here both are asked',
    })
}

/** `Require` of a deeper section stands in the place of those around it. */
function forgetRequires({ policies }: ImportedRoute, requires: readonly Entry[]): void {
  delete policies.allow
  delete policies.deny
  if (requires.every(({ args }) => /^(ip|local|all)$/i.test(args[0] ?? ''))) delete policies.basicAuth
}

/** What is said of a folder, as if it were said of each path that leads there. */
function pathsOfFolder(section: Entry, folders: Host['folders']): Entry[] {
  const folder = (section.args[0] ?? '').replace(/\/+$/, '')
  return folders.flatMap(({ path, root }) => {
    const top = root.replace(/\/+$/, '')
    const at = path === '/' ? '' : path
    if (folder === top || top.startsWith(`${folder}/`)) return [{ ...section, args: [path] }]
    return folder.startsWith(`${top}/`) ? [{ ...section, args: [`${at}${folder.slice(top.length)}`] }] : []
  })
}
