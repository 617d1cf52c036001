import {
  addUpstream,
  emptyImport,
  type Imported,
  type ImportedRoute,
  listenerOf,
  nameFrom,
} from './imported.ts'

/**
 * Reads Traefik's dynamic configuration (the file provider's YAML, parsed), or the labels of a compose file. Rules of hosts
 * and paths become matches, middlewares policies. Throws a sentence for what is neither.
 */
export function importTraefik(document: unknown): Imported {
  const compose = block(block(document).services)
  const http = block(block(document).http)
  const found = Object.keys(http).length > 0 ? http : fromLabels(compose)
  const routers = Object.entries(block(found.routers))
  if (routers.length === 0)
    throw new Error('there is no router in it: neither `http.routers` nor labels `traefik.http.routers.…`')
  const imported = emptyImport()
  const services = new Map<string, string>()
  for (const [name, service] of Object.entries(block(found.services)))
    readService(name, block(service), imported, services)
  for (const [name, router] of routers)
    readRouter(name, block(router), { imported, services, middlewares: block(found.middlewares) })
  return imported
}

// --- internal ---

type Block = Readonly<Record<string, unknown>>

interface Known {
  readonly imported: Imported
  readonly services: ReadonlyMap<string, string>
  readonly middlewares: Block
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

function readService(name: string, service: Block, imported: Imported, services: Map<string, string>): void {
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
      line: 1,
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

function readRouter(name: string, router: Block, { imported, services, middlewares }: Known): void {
  const entryPoints = listOf(router.entryPoints ?? router.entrypoints)
  const tls = router.tls !== undefined || entryPoints.some((point) => /secure|https/.test(point))
  const listener = listenerOf(imported, tls ? 443 : 80, tls)
  if (
    JSON.stringify(router.tls ?? '').includes('certResolver') ||
    JSON.stringify(router.tls ?? '').includes('certresolver')
  )
    imported.automatic ??= 'you@example.com'
  const serviceName = String(router.service ?? [...services.keys()][0] ?? '').replace(/@.*$/, '')
  const policies: Record<string, unknown> = {}
  const route: Omit<ImportedRoute, 'hosts' | 'path' | 'exact'> = {
    name: nameFrom(name),
    line: 1,
    listeners: [listener],
    policies,
    to: services.get(serviceName),
  }
  let redirect: ImportedRoute['redirect']
  let prefix: string | undefined
  for (const used of listOf(router.middlewares)) {
    const known = block(middlewares[used.replace(/@.*$/, '')])
    const [[kind = '', options] = []] = [Object.entries(known).find(([key]) => key !== 'host')]
    const said = applyMiddleware(kind.toLowerCase(), block(options), policies)
    if (said === undefined)
      imported.leftOut.push({
        line: 1,
        text: `middlewares.${used} (${kind})`,
        why: 'has no counterpart here, or one to be written by hand',
      })
    else if (said.redirectToHttps) {
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
      line: 1,
      text: `routers.${name}.rule: ${String(router.rule)}`,
      why: 'a match is hosts, paths and methods here',
    })
  if (route.to === undefined && redirect === undefined)
    return void imported.leftOut.push({
      line: 1,
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
    const choices = splitTop(part, '||').map(readTerm)
    if (choices.some((choice) => choice === undefined)) return undefined
    const hosts = choices.flatMap((choice) => choice?.hosts ?? [])
    const isOfHosts = choices.every((choice) => choice?.hosts !== undefined && choice.path === undefined)
    if (isOfHosts) alternatives = alternatives.map((match) => ({ ...match, hosts }))
    else alternatives = alternatives.flatMap((match) => choices.map((choice) => ({ ...match, ...choice })))
  }
  return alternatives
}

function readTerm(text: string): Partial<Match> | undefined {
  const [, name, inner = ''] = /^(Host|Path|PathPrefix|Method)\((.*)\)$/s.exec(text.trim()) ?? []
  const values = [...inner.matchAll(/[`"']([^`"']*)[`"']/g)].map((found) => found[1] ?? '')
  const [first] = values
  if (first === undefined) return undefined
  switch (name) {
    case 'Host':
      return { hosts: values }
    case 'Method':
      return { methods: values }
    case 'Path':
      return values.length === 1 ? { path: first, exact: true } : undefined
    default:
      return values.length === 1 ? { path: first.replace(/(.)\/+$/, '$1') } : undefined
  }
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
  policies: Record<string, unknown>,
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
    case 'basicauth':
      if (options.usersFile === undefined) return undefined
      policies.basicAuth = {
        users: String(options.usersFile),
        ...(options.realm === undefined ? {} : { realm: options.realm }),
      }
      return {}
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
