import { closedUntilDecided, closeRoute, isWithin } from './guards.ts'
import {
  addUpstream,
  emptyImport,
  type Imported,
  type ImportedRoute,
  inOrder,
  listenerOf,
  nameFrom,
} from './imported.ts'
import { applyMiddleware, isGuard } from './traefik-middlewares.ts'
import { closeWhatIsLost, type Precedence } from './traefik-precedence.ts'
import { readRule } from './traefik-rule.ts'
import { type Block, block, type LineOf, listOf, readTraefik } from './traefik-syntax.ts'
import { applyTlsOptions, readCertificates } from './traefik-tls.ts'

/**
 * Reads Traefik's dynamic configuration (the YAML of its file provider), or the labels of a compose file. Rules of hosts
 * and paths become matches, middlewares policies. Throws a sentence for what is neither.
 */
export function importTraefik(text: string): Imported {
  const { routers, services: written, middlewares, tls, others, lineOf } = readTraefik(text)
  const imported = emptyImport()
  readCertificates(tls, imported)
  const services = new Map<string, string>()
  const hostless = new Set<string>()
  for (const [name, service] of Object.entries(written))
    readService(name, block(service), { imported, services, hostless, lineOf })
  const known: Known = {
    imported,
    services,
    hostless,
    written,
    middlewares,
    tls,
    lineOf,
    closed: [],
    odd: [],
    priorities: new Map(),
  }
  for (const [name, router] of Object.entries(routers)) readRouter(name, block(router), known)
  closeWhatIsLost(known)
  for (const kind of others) imported.leftOut.push({ line: 1, text: kind, why: 'HTTP alone is spoken here' })
  return inOrder(imported)
}

// --- internal ---

interface Known extends Precedence {
  readonly services: ReadonlyMap<string, string>
  /** Services as they are written, by their names. */
  readonly written: Block
  readonly middlewares: Block
  readonly tls: Block
  readonly lineOf: LineOf
  /** Services that are sent their own name. */
  readonly hostless: ReadonlySet<string>
}

function readService(
  name: string,
  service: Block,
  {
    imported,
    services,
    hostless,
    lineOf,
  }: { imported: Imported; services: Map<string, string>; hostless: Set<string>; lineOf: LineOf },
): void {
  const leave = (part: string, why: string): void =>
    void imported.leftOut.push({ line: lineOf('services', name), text: `services.${name}.${part}`, why })
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
        : [`${String(block(balancer.server).scheme ?? 'http')}://${String(service.host)}:${String(port)}`]
  if (targets.length === 0)
    return void imported.leftOut.push({
      line: lineOf('services', name),
      text: `services.${name}`,
      why: 'it has no servers; mirrors, weights and failover are written otherwise',
    })
  for (const key of Object.keys(balancer))
    if (!/^(servers?|healthcheck|passhostheader|responseforwarding)$/i.test(key))
      leave(key, 'has no counterpart in an upstream here')
  if (String(balancer.passHostHeader ?? balancer.passhostheader) === 'false') hostless.add(name)
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
  const { imported, services, hostless, lineOf } = known
  const line = lineOf('routers', name)
  const leave = (text: string, why: string): void => void imported.leftOut.push({ line, text, why })
  const entryPoints = listOf(router.entryPoints ?? router.entrypoints)
  const isTls = router.tls !== undefined && String(router.tls) !== 'false'
  const tls = isTls || entryPoints.some((point) => /secure|https/.test(point))
  const listener = listenerOf(imported, tls ? 443 : 80, tls)
  if (/"certresolver"/i.test(JSON.stringify(router.tls ?? ''))) imported.automatic ??= 'you@example.com'
  // Traefik's own, `api@internal`, is none of the file, whatever one there is called.
  const serviceName = String(router.service ?? ownServiceOf(router, known)).replace(/@(?!internal$).*$/, '')
  const policies: Record<string, unknown> = {}
  const route: Omit<ImportedRoute, 'hosts' | 'path' | 'exact'> = {
    name: nameFrom(name),
    line,
    listeners: [listener],
    policies,
    to: services.get(serviceName),
    ...(hostless.has(serviceName) ? { host: 'target' } : {}),
  }
  const effects = applyMiddlewares(listOf(router.middlewares), { policies, imported }, known)
  if (effects.redirectToHttps) {
    const plain = imported.listeners.get(listener)
    listenerOf(imported, 443, true)
    if (plain !== undefined && !plain.tls) plain.redirect = 'https'
    return
  }
  const closeFor = (text: string, why: string): void => {
    closeRoute({ policies })
    leave(text, why)
  }
  const strange = entryPoints.find((point) => !/^(web|http|web-?secure|https)$/.test(point))
  if (strange !== undefined)
    closeFor(
      `routers.${name}.entryPoints: ${strange}`,
      `which port and address it has is not in this file: ${closedUntilDecided}`,
    )
  const fault = tls ? applyTlsOptions(router, known.tls, { imported, listener }) : undefined
  if (fault !== undefined) closeFor(`routers.${name}.tls`, fault)
  if (router.priority !== undefined)
    leave(`routers.${name}.priority`, 'the most specific route wins here: exact host, then the longer path')

  const rule = String(router.rule ?? '')
  const matches = readRule(rule)
  if (matches === undefined) {
    const guards = Object.keys(policies).some((policy) => !/^(headers|compress)$/.test(policy))
    if (guards) known.odd.push({ rule, line })
    return leave(
      `routers.${name}.rule: ${rule}`,
      `a match is hosts, paths and methods here${guards ? `, and this one guards: ${closedUntilDecided}` : ''}`,
    )
  }
  if (route.to === undefined && effects.redirect === undefined) {
    for (const match of matches) known.closed.push({ ...match, listeners: [listener], line })
    return leave(
      `routers.${name}`,
      `its service ${serviceName || '(none)'} is not in this file: nobody comes there`,
    )
  }
  for (const match of matches) {
    const made: ImportedRoute = {
      ...route,
      ...match,
      policies: { ...policies },
      ...(effects.redirect === undefined ? {} : { redirect: effects.redirect, to: undefined }),
      ...prefixOf(match.path, effects.stripped),
    }
    const isGuarded = ['allow', 'deny', 'basicAuth', 'forwardAuth'].some((policy) => policy in policies)
    if (isGuarded && !match.exact && match.path !== '/')
      leave(
        `routers.${name}.rule: PathPrefix(${match.path})`,
        `a prefix ends at a segment here: what else begins with ${match.path}, such as ${match.path}-other, has the rules of the path around it`,
      )
    if (
      made.prefix === undefined &&
      effects.stripped?.some((each) => isWithin(each, match.path)) &&
      !match.exact
    )
      leave(
        `routers.${name}`,
        `what it strips, ${effects.stripped.join(', ')}, is a part of its paths alone: give that a route of its own`,
      )
    known.priorities.set(made, Number(router.priority ?? rule.length))
    imported.routes.push(made)
  }
}

/** `/api/v1` less `/api` is `/v1` in its place. */
function prefixOf(path: string, stripped: readonly string[] | undefined): { prefix?: string } {
  const taken = stripped?.map((each) => each.replace(/(.)\/+$/, '$1')).find((each) => isWithin(path, each))
  if (taken === undefined || taken === '/') return {}
  return { prefix: path === taken ? 'strip' : path.slice(taken.length) }
}

interface Effects {
  redirectToHttps: boolean
  redirect?: ImportedRoute['redirect']
  stripped?: readonly string[]
}

function applyMiddlewares(
  names: readonly string[],
  { policies, imported }: { policies: Record<string, unknown>; imported: Imported },
  known: Known,
  depth = 0,
): Effects {
  const effects: Effects = { redirectToHttps: false }
  for (const used of names) {
    const own = used.replace(/@.*$/, '')
    const line = known.lineOf('middlewares', own)
    const [[kind = '', written] = []] = Object.entries(block(known.middlewares[own])).filter(
      ([key]) => key !== 'host',
    )
    const options = block(written)
    const leave = (part: string, why: string): void =>
      void imported.leftOut.push({ line, text: `middlewares.${own}.${part}`, why })
    const said =
      kind.toLowerCase() === 'chain' && depth < 10
        ? applyMiddlewares(listOf(options.middlewares), { policies, imported }, known, depth + 1)
        : applyMiddleware(kind.toLowerCase(), options, { policies, imported, leave })
    if (said !== undefined) {
      effects.redirectToHttps ||= said.redirectToHttps === true
      effects.redirect = said.redirect ?? effects.redirect
      effects.stripped = said.stripped ?? effects.stripped
      continue
    }
    const guards = isGuard(kind)
    if (guards) closeRoute({ policies })
    imported.leftOut.push({
      line,
      text: `middlewares.${used} (${kind || 'not in this file'})`,
      why: `has no counterpart here, or one to be written by hand${guards ? `: ${closedUntilDecided}` : ''}`,
    })
  }
  return effects
}
