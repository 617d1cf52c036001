import { resolve } from 'node:path'
import { parseNetwork } from './address.ts'
import type { ConfigProblem, LoadedConfig, LoadedRoute } from './config/loaded.ts'
import {
  type Admission,
  createAdmission,
  explainOverload,
  type Overload,
} from './request/accept/admission.ts'
import type { Incoming } from './request/accept/incoming.ts'
import { buildRoute } from './request/build-route.ts'
import type { Exchange } from './request/exchange.ts'
import { buildRouteTable } from './request/match/route-table.ts'
import { type PipelineObserver, type PipelineState, serve } from './request/pipeline.ts'
import type { LimitStore } from './request/policies/context.ts'
import { UnderWay } from './request/under-way.ts'
import { webrootOf } from './tls/acme/proofs.ts'
import type { TargetSource } from './upstreams/upstream.ts'
import { createUpstreams, type Upstreams } from './upstreams/upstreams.ts'

/** What a gatehouse needs from the process that it runs in. */
export interface Surroundings {
  readonly env: NodeJS.ProcessEnv
  readonly limits: LimitStore
  readonly observer: PipelineObserver
  /** Where leases come from. Without it there are fixed targets alone. */
  readonly targets?: TargetSource
  /** Something went wrong that no client waits for. */
  onBackgroundError(message: string): void
}

/** The proxy without its sockets: a configuration, built, and the exchanges that walk through it. */
export interface Gatehouse {
  /** The path. Exchanges in flight end on the table that they began with. */
  serve(incoming: Incoming): void
  /**
   * Builds the tables of another configuration, and changes nothing yet. What is unchanged keeps its connections.
   * Throws a BuildError. Activate or discard one before the next is prepared.
   */
  prepare(config: LoadedConfig): Prepared
  readonly config: LoadedConfig
  readonly state: PipelineState
  readonly upstreams: Upstreams
  /** Routes that are closed because a part of them failed to load, with the reason. */
  closedRoutes(): { route: string; reason: string }[]
  /** Exchanges that are under way. */
  readonly inFlight: Iterable<Exchange> & { readonly size: number }
  /** Milliseconds by which the event loop was late a moment ago. */
  readonly delay: number
  close(): Promise<void>
}

/** A configuration that is built and not in force. */
export interface Prepared {
  /** Swaps it in. Exchanges in flight end on the table that they began with. */
  activate(): void
  /** Lets go of what it would have brought. */
  discard(): void
}

export function createGatehouse(first: LoadedConfig, surroundings: Surroundings): Gatehouse {
  const inFlight = new UnderWay<Exchange>()
  const observer: PipelineObserver = {
    ...surroundings.observer,
    started(exchange) {
      inFlight.add(exchange)
      surroundings.observer.started(exchange)
    },
    finished(exchange) {
      inFlight.delete(exchange)
      if (exchange.overload !== undefined) tellOverload(exchange.overload)
      surroundings.observer.finished(exchange)
    },
  }
  const told = new Map<Overload, number>()
  const tellOverload = (overload: Overload): void => {
    if (Date.now() - (told.get(overload) ?? 0) < tellEvery) return
    told.set(overload, Date.now())
    surroundings.onBackgroundError(`overloaded, and new exchanges are refused: ${explainOverload(overload)}`)
  }
  const admission = createAdmission(() => built.config.limits)
  let built = build(first, surroundings, admission)
  return {
    serve: (incoming) => void serve(incoming, built.state, observer),
    prepare(config) {
      const next = build(config, surroundings, admission, built.upstreams)
      const close = (gone: Built, kept: Built): void =>
        void gone.upstreams
          .closeExcept(kept.upstreams)
          .catch((error: Error) => surroundings.onBackgroundError(error.message))
      return {
        activate() {
          const before = built
          built = next
          close(before, built)
        },
        discard: () => close(next, built),
      }
    },
    get config() {
      return built.config
    },
    get state() {
      return built.state
    },
    get upstreams() {
      return built.upstreams
    },
    closedRoutes: () =>
      built.state.table.routes.flatMap(({ name, destination }) =>
        destination.kind === 'closed' ? [{ route: name, reason: destination.reason }] : [],
      ),
    inFlight,
    get delay() {
      return admission.delay
    },
    async close() {
      admission.close()
      await built.upstreams.closeExcept()
    },
  }
}

/** An overload that lasts is told of once a minute. The metrics count each refusal. */
const tellEvery = 60_000

interface Built {
  readonly config: LoadedConfig
  readonly upstreams: Upstreams
  readonly state: PipelineState
}

/** Config → everything that the path reads. Nothing is resolved or connected, so nothing that is away stops it. */
function build(
  config: LoadedConfig,
  surroundings: Surroundings,
  admission: Admission,
  previous?: Upstreams,
): Built {
  const { env, limits, onBackgroundError, targets } = surroundings
  const upstreams = createUpstreams(
    config.upstreams,
    { folder: config.folder, env, source: targets },
    previous,
  )
  const problems: ConfigProblem[] = []
  const routes = config.routes.flatMap((route) => {
    try {
      return [buildRoute(route, { config, upstreams, env, limits, onBackgroundError })]
    } catch (error) {
      problems.push(problemOf(config, route, error))
      return []
    }
  })
  if (problems.length > 0) throw new BuildError(problems)
  const redirects = redirectPorts(config)
  return {
    config,
    upstreams,
    state: {
      table: buildRouteTable(routes),
      admission,
      trustedProxies: config.trustedProxies.map(parseNetwork),
      tracing: config.tracing,
      redirectPort: (listener) => redirects.get(listener),
      acmeWebroots: (listener) => {
        const { acmeWebroot } = config.listeners[listener] ?? {}
        const own = ownProofs(config, listener)
        const certbots = acmeWebroot && resolve(config.folder, acmeWebroot)
        return [own, certbots].filter((folder) => folder !== undefined)
      },
      ownProofs: (listener) => ownProofs(config, listener),
    },
  }
}

/** Over plain HTTP alone: that is where an authority asks (RFC 8555 §8.3). */
function ownProofs(
  { tls: { automatic }, listeners, folder }: LoadedConfig,
  name: string,
): string | undefined {
  if (automatic === undefined || listeners[name]?.tls === true) return undefined
  return resolve(folder, webrootOf(automatic.storage))
}

/** Mistakes that show only when a configuration is built: a key that is too short, a file that says nothing. */
export class BuildError extends Error {
  readonly problems: readonly ConfigProblem[]
  constructor(problems: readonly ConfigProblem[]) {
    super(problems.map(({ file, line, path, message }) => `${file}:${line} ${path}: ${message}`).join('\n'))
    this.name = 'BuildError'
    this.problems = problems
  }
}

function problemOf(config: LoadedConfig, route: LoadedRoute, error: unknown): ConfigProblem {
  const message = error instanceof Error ? error.message : String(error)
  return {
    severity: 'error',
    file: config.file,
    line: route.line,
    column: 1,
    path: `route ${route.name}`,
    message,
  }
}

/** The port, as clients see it, of the listener that another redirects to. */
function redirectPorts(config: LoadedConfig): Map<string, number> {
  const ports = new Map<string, number>()
  for (const [name, { redirect }] of Object.entries(config.listeners)) {
    const target = redirect === undefined ? undefined : config.listeners[redirect]
    if (target !== undefined) ports.set(name, target.publicPort ?? target.port)
  }
  return ports
}
