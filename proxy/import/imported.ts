import { stringify } from 'yaml'
import { editable } from '../config/policy-schemas.ts'

/** What was read of another proxy's configuration, in the terms of routes.yaml. */
export interface Imported {
  readonly listeners: Map<string, ImportedListener>
  readonly certificates: { readonly cert: string; readonly key: string }[]
  /** An address, where the other one gets certificates by itself. */
  automatic: string | undefined
  minVersion: 'TLSv1.3' | undefined
  /** Networks of those in front, whose word about the client is believed. */
  readonly trustedProxies: Set<string>
  readonly upstreams: Map<string, Record<string, unknown>>
  readonly routes: ImportedRoute[]
  /** Password files that the other one has within its configuration: their lines, by the name of the file. */
  readonly passwords: Map<string, readonly string[]>
  /** What has no counterpart here, or is to be looked at. */
  readonly leftOut: LeftOut[]
}

export interface ImportedListener {
  readonly port: number
  /** Undefined: every address of the machine. */
  readonly address?: string
  readonly tls: boolean
  redirect?: string
  proxyProtocol?: true
  acmeWebroot?: string
  clientCertificates?: { ca: string; require: boolean }
}

export interface ImportedRoute {
  name: string
  /** Where it stands in the other file. */
  readonly line: number
  readonly hosts: readonly string[]
  readonly path: string
  readonly exact: boolean
  readonly methods?: readonly string[]
  readonly listeners: readonly string[]
  readonly policies: Record<string, unknown>
  to?: string
  files?: string | { root: string; spa: boolean }
  redirect?: { location: string; status: number }
  /** As `forward.prefix` is written; undefined keeps it. */
  prefix?: string
  /** `target`, where the other one sends its own Host. */
  host?: string
  timeouts?: Record<string, string>
  accessLog?: string | false
}

export interface LeftOut {
  readonly line: number
  /** As it stands there. */
  readonly text: string
  readonly why: string
}

export function emptyImport(): Imported {
  return {
    listeners: new Map(),
    certificates: [],
    automatic: undefined,
    minVersion: undefined,
    trustedProxies: new Set(),
    upstreams: new Map(),
    routes: [],
    passwords: new Map(),
    leftOut: [],
  }
}

/**
 * The name of the listener of that port, opened if it is not there: `http` and `https` for the first of each kind. One that
 * listens on an address alone stays on it.
 */
export function listenerOf({ listeners }: Imported, port: number, tls: boolean, address?: string): string {
  for (const [name, listener] of listeners)
    if (listener.port === port && listener.address === address) return name
  const plain = tls ? 'https' : 'http'
  const base = listeners.has(plain) ? `${plain}${port}` : plain
  let name = base
  for (let number = 2; listeners.has(name); number++) name = `${base}-${number}`
  listeners.set(name, { port, ...(address === undefined ? {} : { address }), tls })
  return name
}

/** Sets more of a listener. */
export function setListener(imported: Imported, name: string, settings: Partial<ImportedListener>): void {
  const listener = imported.listeners.get(name)
  if (listener !== undefined) Object.assign(listener, settings)
}

/** An upstream of these targets, by a name that says where it leads: the same targets are one upstream. */
export function upstreamOf(
  { upstreams }: Imported,
  targets: readonly string[],
  more: Record<string, unknown> = {},
): string {
  const upstream = { targets: [...targets], ...more }
  const text = JSON.stringify(upstream)
  for (const [name, other] of upstreams) if (JSON.stringify(other) === text) return name
  const [first = ''] = targets
  const base = nameFrom(first.replace(/^\w+:\/\//, '').replace(/^unix:/, '')) || 'upstream'
  return addUpstream(upstreams, base, upstream)
}

export function addUpstream(
  upstreams: Imported['upstreams'],
  base: string,
  upstream: Record<string, unknown>,
): string {
  let name = base
  for (let number = 2; upstreams.has(name); number++) name = `${base}-${number}`
  upstreams.set(name, upstream)
  return name
}

/** Users with their hashes, `ann:$2y$…`, as a password file beside routes.yaml: the same users are one file. */
export function passwordsOf({ passwords }: Imported, users: readonly string[]): string {
  for (const [name, others] of passwords) if (others.join('\n') === users.join('\n')) return name
  const name = passwords.size === 0 ? 'users' : `users-${passwords.size + 1}`
  passwords.set(name, users)
  return name
}

/** Some belong to the connection, and the Host is the route's own to say. */
function isEditable(way: 'request' | 'response', field: string): boolean {
  return editable.safeParse(field).success && !(way === 'request' && /^host$/i.test(field))
}

/** The fields that a route changes, one way; made if there are none yet. */
function fieldEdits(
  { policies }: Pick<ImportedRoute, 'policies'>,
  way: 'request' | 'response',
): { set: Record<string, string>; remove: string[] } {
  const headers = (policies.headers ?? {}) as Record<string, Partial<ReturnType<typeof fieldEdits>>>
  const edits = { set: { ...headers[way]?.set }, remove: [...(headers[way]?.remove ?? [])] }
  policies.headers = { ...headers, [way]: edits }
  return edits
}

export function setField(
  route: Pick<ImportedRoute, 'policies'>,
  way: 'request' | 'response',
  field: string,
  value: string,
): void {
  if (isEditable(way, field)) fieldEdits(route, way).set[field] = value
}

/**
 * Takes a field off. Also of a request whose field the other proxy sets to what is not known here: what a client sends of
 * that name would pass for the proxy's own word.
 */
export function removeField(
  route: Pick<ImportedRoute, 'policies'>,
  way: 'request' | 'response',
  field: string,
): void {
  if (!isEditable(way, field)) return
  const { set, remove } = fieldEdits(route, way)
  delete set[field]
  if (!remove.includes(field)) remove.push(field)
}

/** A text as a name of routes.yaml: letters, digits, - and _, with a letter first. */
export function nameFrom(text: string): string {
  const name = text.replace(/[^A-Za-z0-9_]+/g, '-').replace(/^-+|-+$/g, '')
  return (/^[A-Za-z]/.test(name) ? name : `at-${name}`).slice(0, 60).replace(/^at-$/, '')
}

/** What was left out, as it stands in the file. */
export function inOrder(imported: Imported): Imported {
  imported.leftOut.sort((a, b) => a.line - b.line)
  return imported
}

/** The whole as routes.yaml, with what was left out as comments at its head. `from`: the file that was read. */
export function routesYaml(imported: Imported, from: string): string {
  nameRoutes(imported.routes)
  const document: Record<string, unknown> = {
    listeners: Object.fromEntries(
      Array.from(imported.listeners, ([name, { port, tls, ...more }]) => [
        name,
        { port, ...(tls === (name === 'https') ? {} : { tls }), ...more },
      ]),
    ),
  }
  if (imported.trustedProxies.size > 0) document.trustedProxies = [...imported.trustedProxies]
  const tls: Record<string, unknown> = {}
  if (imported.certificates.length > 0) tls.certificates = imported.certificates
  if (imported.automatic !== undefined) tls.automatic = { email: imported.automatic }
  if (imported.minVersion !== undefined) tls.minVersion = imported.minVersion
  if (Object.keys(tls).length > 0) document.tls = tls
  if (imported.upstreams.size > 0) document.upstreams = Object.fromEntries(imported.upstreams)
  document.routes = imported.routes.map(routeYaml)
  const notes = imported.leftOut.map(({ line, text, why }) => `#   ${line}: ${text}\n#      ${why}`)
  return [
    '# yaml-language-server: $schema=./proxy/config/routes.schema.json',
    `# Read from ${from}.`,
    ...(notes.length === 0 ? [] : ['#', '# Left out, by line:', ...notes]),
    '',
    stringify(document, { lineWidth: 110, aliasDuplicateObjects: false }),
  ].join('\n')
}

// --- internal ---

/** A route is called by its host and path, and no two alike. */
function nameRoutes(routes: readonly ImportedRoute[]): void {
  const taken = new Set<string>()
  for (const route of routes) {
    const host =
      route.hosts[0]
        ?.replace(/^www\./, '')
        .split('.')[0]
        ?.replace('*', 'any') ?? ''
    const base = route.name !== '' ? route.name : nameFrom(`${host} ${route.path}`) || 'route'
    let name = base
    for (let number = 2; taken.has(name); number++) name = `${base}-${number}`
    taken.add(name)
    route.name = name
  }
}

/** Policies without the parts of them that say nothing. */
function spoken(policies: Record<string, unknown>): Record<string, unknown> {
  const headers = Object.fromEntries(
    Object.entries((policies.headers ?? {}) as Record<string, Record<string, object>>).flatMap(
      ([way, edits]) => {
        const kept = Object.entries(edits).filter(([, edit]) => Object.keys(edit).length > 0)
        return kept.length === 0 ? [] : [[way, Object.fromEntries(kept)]]
      },
    ),
  )
  const { headers: _, ...others } = policies
  return Object.keys(headers).length === 0 ? others : { ...others, headers }
}

function routeYaml(route: ImportedRoute): Record<string, unknown> {
  const policies = spoken(route.policies)
  const match: Record<string, unknown> = {}
  if (route.hosts.length > 0) match.host = route.hosts.length === 1 ? route.hosts[0] : route.hosts
  if (route.path !== '/' || route.exact) match.path = route.path
  if (route.exact) match.exact = true
  if (route.methods !== undefined) match.methods = route.methods
  const forward: Record<string, unknown> = {}
  if (route.prefix !== undefined) forward.prefix = route.prefix
  if (route.host !== undefined) forward.host = route.host
  return {
    name: route.name,
    match,
    listeners: route.listeners,
    ...(Object.keys(policies).length === 0 ? {} : { policies }),
    ...(route.to === undefined ? {} : { to: route.to }),
    ...(route.files === undefined ? {} : { files: route.files }),
    ...(route.redirect === undefined ? {} : { redirect: route.redirect }),
    ...(Object.keys(forward).length === 0 ? {} : { forward }),
    ...(route.timeouts === undefined ? {} : { timeouts: route.timeouts }),
    ...(route.accessLog === undefined ? {} : { accessLog: route.accessLog }),
  }
}
