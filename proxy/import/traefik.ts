import { closedUntilDecided, closeRoute } from './guards.ts'
import {
  addUpstream,
  emptyImport,
  type Imported,
  type ImportedRoute,
  listenerOf,
  nameFrom,
} from './imported.ts'
import { applyMiddleware, isGuard } from './traefik-middlewares.ts'
import { readRule } from './traefik-rule.ts'
import { type Block, block, type LineOf, listOf, readTraefik } from './traefik-syntax.ts'

/**
 * Reads Traefik's dynamic configuration (the YAML of its file provider), or the labels of a compose file. Rules of hosts
 * and paths become matches, middlewares policies. Throws a sentence for what is neither.
 */
export function importTraefik(text: string): Imported {
  const { routers, services: written, middlewares, lineOf } = readTraefik(text)
  const imported = emptyImport()
  const services = new Map<string, string>()
  for (const [name, service] of Object.entries(written))
    readService(name, block(service), { imported, services, lineOf })
  for (const [name, router] of Object.entries(routers))
    readRouter(name, block(router), { imported, services, written, middlewares, lineOf })
  return imported
}

// --- internal ---

interface Known {
  readonly imported: Imported
  readonly services: ReadonlyMap<string, string>
  /** Services as they are written, by their names. */
  readonly written: Block
  readonly middlewares: Block
  readonly lineOf: LineOf
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
      const guards = isGuard(kind)
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
