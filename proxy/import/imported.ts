import { stringify } from 'yaml'

/** What was read of another proxy's configuration, in the terms of routes.yaml. */
export interface Imported {
  readonly listeners: Map<string, ImportedListener>
  readonly certificates: { readonly cert: string; readonly key: string }[]
  /** An address, where the other one gets certificates by itself. */
  automatic: string | undefined
  minVersion: 'TLSv1.3' | undefined
  readonly upstreams: Map<string, Record<string, unknown>>
  readonly routes: ImportedRoute[]
  /** Password files that the other one has within its configuration: their lines, by the name of the file. */
  readonly passwords: Map<string, readonly string[]>
  /** What has no counterpart here, or is to be looked at. */
  readonly leftOut: LeftOut[]
}

export interface ImportedListener {
  readonly port: number
  readonly tls: boolean
  redirect?: string
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
    upstreams: new Map(),
    routes: [],
    passwords: new Map(),
    leftOut: [],
  }
}

/** The name of the listener of that port, opened if it is not there: `http` and `https` for the first of each kind. */
export function listenerOf({ listeners }: Imported, port: number, tls: boolean): string {
  for (const [name, listener] of listeners) if (listener.port === port) return name
  const plain = tls ? 'https' : 'http'
  const name = listeners.has(plain) ? `${plain}${port}` : plain
  listeners.set(name, { port, tls })
  return name
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

/** A text as a name of routes.yaml: letters, digits, - and _, with a letter first. */
export function nameFrom(text: string): string {
  const name = text.replace(/[^A-Za-z0-9_]+/g, '-').replace(/^-+|-+$/g, '')
  return (/^[A-Za-z]/.test(name) ? name : `at-${name}`).slice(0, 60).replace(/^at-$/, '')
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

function routeYaml(route: ImportedRoute): Record<string, unknown> {
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
    ...(Object.keys(route.policies).length === 0 ? {} : { policies: route.policies }),
    ...(route.to === undefined ? {} : { to: route.to }),
    ...(route.files === undefined ? {} : { files: route.files }),
    ...(route.redirect === undefined ? {} : { redirect: route.redirect }),
    ...(Object.keys(forward).length === 0 ? {} : { forward }),
    ...(route.timeouts === undefined ? {} : { timeouts: route.timeouts }),
    ...(route.accessLog === undefined ? {} : { accessLog: route.accessLog }),
  }
}
