import { connect } from 'node:net'
import type { LoadedConfig, LoadedRoute } from '../config/loaded.ts'
import { parseTarget, type TargetAddress } from '../upstreams/connection-pool.ts'

/** A route for the table that is shown at the start. */
export interface RouteRow {
  readonly name: string
  /** As a browser would type them. */
  readonly addresses: readonly string[]
  /** Names, in the order of the file. Those in observe mode end with `?`. */
  readonly policies: readonly string[]
  readonly goesTo: string
  /** `waiting` for a service that announces itself; `away` if nobody listens there; `closed` by a broken part. */
  readonly state: 'there' | 'waiting' | 'away' | 'closed'
}

export interface Situation {
  /** The real ports, by listener. */
  readonly ports: Readonly<Record<string, number>>
  readonly closedRoutes: readonly { readonly route: string }[]
  /** Targets that have announced themselves. */
  readonly leased: readonly { readonly upstream: string; readonly url: string }[]
}

/** Asks every fixed target at once whether somebody listens there, for a moment. */
export async function routeRows(config: LoadedConfig, situation: Situation): Promise<RouteRow[]> {
  const reached = new Map<string, Promise<boolean>>()
  const isThere = (target: string): Promise<boolean> => {
    const known = reached.get(target) ?? isListening(parseTarget(target))
    reached.set(target, known)
    return known
  }
  return Promise.all(
    config.routes.map(async (route) => ({
      name: route.name,
      addresses: addressesOf(route, config, situation.ports),
      policies: policiesOf(route),
      ...(situation.closedRoutes.some((closed) => closed.route === route.name)
        ? ({ goesTo: 'nowhere', state: 'closed' } as const)
        : await destinationOf(route, { config, leased: situation.leased }, isThere)),
    })),
  )
}

/** Where a client would go. A port is named unless it is the usual one. */
export function addressOf(
  config: LoadedConfig,
  ports: Situation['ports'],
  listener: string,
  host: string,
): string {
  const settings = config.listeners[listener]
  const scheme = settings?.tls ? 'https' : 'http'
  const port = settings?.publicPort ?? ports[listener] ?? settings?.port
  return `${scheme}://${host}${port === (settings?.tls ? 443 : 80) ? '' : `:${port}`}`
}

// --- internal ---

function addressesOf(route: LoadedRoute, config: LoadedConfig, ports: Situation['ports']): string[] {
  return (route.listeners ?? []).flatMap((listener) =>
    (route.match.host ?? ['localhost']).flatMap((host) =>
      route.match.path.map((path) => `${addressOf(config, ports, listener, host)}${path}`),
    ),
  )
}

function policiesOf({ policies: { extensions, ...builtin }, middleware }: LoadedRoute): string[] {
  const names = Object.entries(builtin).map(([name, options]) =>
    options?.mode === 'observe' ? `${name}?` : name,
  )
  return [...names, ...extensions.map(({ name }) => name), ...middleware.map(({ use }) => use)]
}

async function destinationOf(
  { files, redirect, to = '' }: LoadedRoute,
  { config, leased }: { config: LoadedConfig; leased: Situation['leased'] },
  isThere: (target: string) => Promise<boolean>,
): Promise<Pick<RouteRow, 'goesTo' | 'state'>> {
  if (redirect) return { goesTo: redirect.location, state: 'there' }
  if (files) return { goesTo: files.root, state: 'there' }
  const name = Object.hasOwn(config.upstreams, to) ? to : (to.split('/')[0] as string)
  const upstream = config.upstreams[name]
  const announced = leased.find((lease) => lease.upstream === name)
  if (announced) return { goesTo: upstream?.keyed ? to : `${to} (${announced.url})`, state: 'there' }
  const targets = upstream?.targets ?? [to]
  if (targets.length === 0) return { goesTo: to, state: 'waiting' }
  const answers = await Promise.all(targets.map(isThere))
  return { goesTo: to, state: answers.includes(true) ? 'there' : upstream?.leased ? 'waiting' : 'away' }
}

/** Milliseconds. Whoever needs longer to accept a connection is not there yet. */
const patience = 250

function isListening({ host, port, socketPath }: TargetAddress): Promise<boolean> {
  return new Promise((done) => {
    const socket = socketPath === undefined ? connect({ host, port }) : connect({ path: socketPath })
    const tell = (answer: boolean): void => {
      socket.destroy()
      done(answer)
    }
    socket.setTimeout(patience, () => tell(false))
    socket.once('connect', () => tell(true))
    socket.once('error', () => tell(false))
  })
}
