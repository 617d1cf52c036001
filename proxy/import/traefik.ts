import { LineCounter, parseDocument } from 'yaml'
import { closedUntilDecided, closeRoute } from './guards.ts'
import {
  addUpstream,
  emptyImport,
  type Imported,
  type ImportedRoute,
  listenerOf,
  nameFrom,
  passwordsOf,
} from './imported.ts'

/**
 * Reads Traefik's dynamic configuration (the YAML of its file provider), or the labels of a compose file. Rules of hosts
 * and paths become matches, middlewares policies. Throws a sentence for what is neither.
 */
export function importTraefik(text: string): Imported {
  const counter = new LineCounter()
  const parsed = parseDocument(text, { lineCounter: counter })
  const [fault] = parsed.errors
  if (fault !== undefined)
    throw new Error(`line ${counter.linePos(fault.pos[0]).line}: ${fault.message.split('\n')[0]}`)
  const document = parsed.toJS() as unknown
  const compose = block(block(document).services)
  const http = block(block(document).http)
  const found = Object.keys(http).length > 0 ? http : fromLabels(compose)
  const routers = Object.entries(block(found.routers))
  if (routers.length === 0)
    throw new Error('there is no router in it: neither `http.routers` nor labels `traefik.http.routers.…`')
  const imported = emptyImport()
  const services = new Map<string, string>()
  const lineOf = linesOf(text)
  for (const [name, service] of Object.entries(block(found.services)))
    readService(name, block(service), { imported, services, lineOf })
  const known = {
    imported,
    services,
    written: block(found.services),
    middlewares: block(found.middlewares),
    lineOf,
  }
  for (const [name, router] of routers) readRouter(name, block(router), known)
  return imported
}

// --- internal ---

/** Where something is defined, from 1: as a key below its kind, or in the first label that names it. */
type LineOf = (kind: 'routers' | 'services' | 'middlewares', name: string) => number

function linesOf(text: string): LineOf {
  const lines = text.split('\n')
  const lineWith = (pattern: RegExp, from = 0): number =>
    lines.findIndex((line, at) => at >= from && pattern.test(line))
  return (kind, name) => {
    const escaped = name.replace(/[^\w-]/g, '\\$&')
    const label = lineWith(new RegExp(`traefik\\.http\\.${kind}\\.${escaped}\\.`))
    const heading = lineWith(new RegExp(`^\\s+${kind}:`))
    const key = heading === -1 ? -1 : lineWith(new RegExp(`^\\s+["']?${escaped}["']?:`), heading)
    return Math.max(label, key, 0) + 1
  }
}

type Block = Readonly<Record<string, unknown>>

interface Known {
  readonly imported: Imported
  readonly services: ReadonlyMap<string, string>
  /** Services as they are written, by their names. */
  readonly written: Block
  readonly middlewares: Block
  readonly lineOf: LineOf
}

/** `traefik.http.routers.app.rule=…` of every service, put together as the file provider has them. */
function fromLabels(compose: Block): Block {
  const tree: Record<string, unknown> = {}
  for (const [service, { labels }] of Object.entries(compose).map(
    ([name, value]) => [name, block(value)] as const,
  )) {
    const pairs = Array.isArray(labels)
      ? labels.map((label) => /^([^=]+)=(.*)$/s.exec(String(label))?.slice(1) ?? [])
      : Object.entries(block(labels))
    for (const [key = '', value = ''] of pairs as [string, unknown][]) {
      const path = key.split('.')
      if (path[0] !== 'traefik' || path[1] !== 'http') continue
      put(tree, path.slice(2), String(value))
      if (path[2] === 'routers') put(tree, ['routers', path[3] ?? '', 'host'], service)
      if (path[2] === 'services') put(tree, ['services', path[3] ?? '', 'host'], service)
    }
  }
  return tree
}

function put(tree: Record<string, unknown>, path: readonly string[], value: string): void {
  let node = tree
  for (const part of path.slice(0, -1)) {
    if (part === '__proto__') return
    const next = block(Object.hasOwn(node, part) ? node[part] : undefined) as Record<string, unknown>
    node[part] = next
    node = next
  }
  const last = path.at(-1) ?? ''
  if (last !== '__proto__') node[last] = value
}

function readService(
  name: string,
  service: Block,
  { imported, services, lineOf }: { imported: Imported; services: Map<string, string>; lineOf: LineOf },
): void {
  const balancer = block(service.loadBalancer ?? service.loadbalancer)
  const servers = Array.isArray(balancer.servers)
    ? balancer.servers.map((server) => String(block(server).url))
    : []
  const port = block(balancer.server).port
  const targets =
    servers.length > 0
      ? servers
      : port === undefined
        ? []
        : [`http://${String(service.host)}:${String(port)}`]
  if (targets.length === 0)
    return void imported.leftOut.push({
      line: lineOf('services', name),
      text: `services.${name}`,
      why: 'it has no servers; mirrors, weights and failover are written otherwise',
    })
  const health = block(balancer.healthCheck ?? balancer.healthcheck).path
  const upstream = {
    targets: targets.map((url) => url.replace(/^h2c:/, 'http:')),
    ...(health === undefined ? {} : { health }),
  }
  services.set(name, addUpstream(imported.upstreams, nameFrom(name), upstream))
}

/** Without a word about it, a router of a container leads to the service of the same container. */
function ownServiceOf({ host }: Block, { services, written }: Known): string {
  const own = Object.entries(written).find(
    ([, service]) => host !== undefined && block(service).host === host,
  )
  return own?.[0] ?? [...services.keys()][0] ?? ''
}

function readRouter(name: string, router: Block, known: Known): void {
  const { imported, services, middlewares, lineOf } = known
  const entryPoints = listOf(router.entryPoints ?? router.entrypoints)
  const tls = router.tls !== undefined || entryPoints.some((point) => /secure|https/.test(point))
  const listener = listenerOf(imported, tls ? 443 : 80, tls)
  if (
    JSON.stringify(router.tls ?? '').includes('certResolver') ||
    JSON.stringify(router.tls ?? '').includes('certresolver')
  )
    imported.automatic ??= 'you@example.com'
  const serviceName = String(router.service ?? ownServiceOf(router, known)).replace(/@.*$/, '')
  const policies: Record<string, unknown> = {}
  const route: Omit<ImportedRoute, 'hosts' | 'path' | 'exact'> = {
    name: nameFrom(name),
    line: lineOf('routers', name),
    listeners: [listener],
    policies,
    to: services.get(serviceName),
  }
  let redirect: ImportedRoute['redirect']
  let prefix: string | undefined
  for (const used of listOf(router.middlewares)) {
    const definition = block(middlewares[used.replace(/@.*$/, '')])
    const [[kind = '', options] = []] = [Object.entries(definition).find(([key]) => key !== 'host')]
    const said = applyMiddleware(kind.toLowerCase(), block(options), { policies, imported })
    if (said === undefined) {
      const guards =
        !/^(headers|errors|retry|circuitbreaker|inflightreq|passtlsclientcert|contenttype|addprefix|replacepath|replacepathregex|redirectregex|redirectscheme|grpcweb)$/i.test(
          kind,
        )
      if (guards) closeRoute({ policies })
      imported.leftOut.push({
        line: lineOf('middlewares', used.replace(/@.*$/, '')),
        text: `middlewares.${used} (${kind || 'not in this file'})`,
        why: guards
          ? `has no counterpart here, or one to be written by hand: ${closedUntilDecided}`
          : 'has no counterpart here, or one to be written by hand',
      })
    } else if (said.redirectToHttps) {
      const plain = imported.listeners.get(listener)
      listenerOf(imported, 443, true)
      if (plain !== undefined && !plain.tls) plain.redirect = 'https'
      return
    } else {
      redirect = said.redirect ?? redirect
      prefix = said.prefix ?? prefix
    }
  }
  const matches = readRule(String(router.rule ?? ''))
  if (matches === undefined)
    return void imported.leftOut.push({
      line: lineOf('routers', name),
      text: `routers.${name}.rule: ${String(router.rule)}`,
      why: 'a match is hosts, paths and methods here',
    })
  if (route.to === undefined && redirect === undefined)
    return void imported.leftOut.push({
      line: lineOf('routers', name),
      text: `routers.${name}`,
      why: `its service ${serviceName || '(none)'} is not in this file`,
    })
  for (const match of matches)
    imported.routes.push({
      ...route,
      ...match,
      policies: { ...policies },
      ...(redirect === undefined ? {} : { redirect, to: undefined }),
      prefix,
    })
}

interface Match {
  readonly hosts: readonly string[]
  readonly path: string
  readonly exact: boolean
  readonly methods?: readonly string[]
}

/** ``Host(`a`) && (PathPrefix(`/b`) || Path(`/c`))`` as matches, one for each alternative; undefined for anything else. */
function readRule(rule: string): Match[] | undefined {
  let alternatives: Match[] = [{ hosts: [], path: '/', exact: false }]
  for (const part of splitTop(rule, '&&')) {
    const choices = splitTop(part, '||').flatMap((term) => readTerm(term) ?? [undefined])
    if (choices.some((choice) => choice === undefined)) return undefined
    const hosts = choices.flatMap((choice) => choice?.hosts ?? [])
    const isOfHosts = choices.every((choice) => choice?.hosts !== undefined && choice.path === undefined)
    if (isOfHosts) alternatives = alternatives.map((match) => ({ ...match, hosts }))
    else alternatives = alternatives.flatMap((match) => choices.map((choice) => ({ ...match, ...choice })))
  }
  return alternatives
}

/** One matcher, whose values are alternatives. */
function readTerm(text: string): Partial<Match>[] | undefined {
  const [, name, inner = ''] = /^(Host|Path|PathPrefix|Method)\((.*)\)$/s.exec(text.trim()) ?? []
  const values = [...inner.matchAll(/[`"']([^`"']*)[`"']/g)].map((found) => found[1] ?? '')
  if (values.length === 0) return undefined
  if (name === 'Host') return [{ hosts: values }]
  if (name === 'Method') return [{ methods: values }]
  return values.map((value) =>
    name === 'Path' ? { path: value, exact: true } : { path: value.replace(/(.)\/+$/, '$1') },
  )
}

/** Splits at an operator that stands in no parentheses, and takes off parentheses around the whole. */
function splitTop(text: string, operator: string): string[] {
  const parts: string[] = []
  let depth = 0
  let from = 0
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '(') depth++
    else if (text[at] === ')') depth--
    else if (depth === 0 && text.startsWith(operator, at)) {
      parts.push(text.slice(from, at))
      from = at + operator.length
    }
  }
  parts.push(text.slice(from))
  return parts.map((part) => part.trim().replace(/^\((?=\w+\()(.*)\)$/s, '$1'))
}

function applyMiddleware(
  kind: string,
  options: Block,
  { policies, imported }: { policies: Record<string, unknown>; imported: Imported },
): { redirectToHttps?: boolean; redirect?: ImportedRoute['redirect']; prefix?: string } | undefined {
  switch (kind) {
    case 'redirectscheme':
      return String(options.scheme) === 'https' ? { redirectToHttps: true } : undefined
    case 'stripprefix':
      return { prefix: 'strip' }
    case 'compress':
      policies.compress = true
      return {}
    case 'ipwhitelist':
    case 'ipallowlist':
      policies.allow = listOf(options.sourceRange ?? options.sourcerange)
      return {}
    case 'ratelimit': {
      const average = Number(options.average ?? 0)
      const burst = Number(options.burst ?? 0)
      policies.rateLimit = { limit: average * 60 + burst, per: '1m' }
      return average > 0 ? {} : undefined
    }
    case 'basicauth': {
      // Labels of a compose file write $ twice.
      const users = listOf(options.users).map((user) => user.replaceAll('$$', '$'))
      const file = options.usersFile ?? options.usersfile
      if (file === undefined && users.length === 0) return undefined
      policies.basicAuth = {
        users: file === undefined ? passwordsOf(imported, users) : String(file),
        ...(options.realm === undefined ? {} : { realm: options.realm }),
      }
      return {}
    }
    case 'forwardauth':
      policies.forwardAuth = { url: String(options.address) }
      return {}
    case 'buffering':
      policies.maxBody = `${Number(options.maxRequestBodyBytes ?? options.maxrequestbodybytes)}B`
      return {}
    case 'headers': {
      const response = block(options.customResponseHeaders ?? options.customresponseheaders)
      const request = block(options.customRequestHeaders ?? options.customrequestheaders)
      policies.headers = {
        ...(Object.keys(response).length === 0 ? {} : { response: { set: response } }),
        ...(Object.keys(request).length === 0 ? {} : { request: { set: request } }),
      }
      return Object.keys(policies.headers as object).length > 0 ? {} : undefined
    }
    default:
      return undefined
  }
}

function listOf(value: unknown): string[] {
  if (Array.isArray(value)) return value.map(String)
  return value === undefined
    ? []
    : String(value)
        .split(',')
        .map((part) => part.trim())
}

function block(value: unknown): Block {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Block) : {}
}
