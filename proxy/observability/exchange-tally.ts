import { STATUS_CODES } from 'node:http'
import type { ExchangeRecord } from './exchange-record.ts'

/**
 * Counts of exchanges: one small addition per exchange, from which every family of metrics that has to do with
 * exchanges is worked out when somebody asks.
 *
 * Nothing that a client or an upstream sends becomes a name here. What is not in the configuration, and no
 * method or status of the standards, falls into a fixed name, so the number of series has a bound.
 */
export interface ExchangeTally {
  record(record: ExchangeRecord): void
  /** Folds routes and services that are gone into nameless counts: their series end, the totals stay. */
  forget(routes: ReadonlySet<string>, services: ReadonlySet<string>): void
  cells(): Iterable<Cell>
}

/** What was counted for one combination of names. */
export interface Cell extends Counts {
  readonly listener: string
  /** Undefined: the route is gone. */
  readonly route: string | undefined
  readonly service: string
  /** Whether the relay had its turn; a refusal by a policy says nothing about the service. */
  readonly relayed: boolean
  readonly code: number
  readonly method: string
  readonly protocol: ExchangeRecord['kind']
}

export interface Counts {
  requests: number
  received: number
  sent: number
  /** Sum of durations. */
  seconds: number
  /** Exchanges per bucket, not cumulative, the last for what is longer than every limit. Only of `http`. */
  readonly buckets: number[]
}

/** Name of the route where none matched, and of the service where the route has none. */
const noRoute = '_other'
export const noService = '_none'

/** Upper limits of the buckets of the metrics, in seconds; 0.1, 0.3, 1.2 and 5 are those of the usual Apdex dashboards. */
export const durationLimits = [0.005, 0.01, 0.025, 0.05, 0.1, 0.3, 0.5, 1.2, 2.5, 5, 10] as const

/**
 * Upper limits of the buckets that are counted, in seconds: those of the metrics, and finer ones between, so that a median
 * of one millisecond does not read as somewhere below five.
 */
export const bucketLimits = [
  0.0005, 0.001, 0.0015, 0.002, 0.003, 0.004, 0.005, 0.0075, 0.01, 0.015, 0.025, 0.035, 0.05, 0.075, 0.1,
  0.15, 0.2, 0.3, 0.4, 0.5, 0.8, 1.2, 1.8, 2.5, 3.5, 5, 7.5, 10,
] as const

export function createExchangeTally(): ExchangeTally {
  const nodes = new Map<string, Node>()
  /** The way to a node on the hot path: listener, then route, then service. */
  let index = new Map<string, Map<string, Map<string, Node>>>()
  /** Undefined until the first reload: until then no name is known to be gone. */
  let known: { routes: ReadonlySet<string>; services: ReadonlySet<string> } | undefined

  function findNode(listener: string, route: string, service: string): Node {
    const found = index.get(listener)?.get(route)?.get(service)
    if (found !== undefined) return found
    // An exchange may end after its route has gone: it still counts, without a name.
    const routeGone = known !== undefined && route !== noRoute && !known.routes.has(route)
    const serviceGone = known !== undefined && !known.services.has(service)
    const node = nodeOf(listener, routeGone ? undefined : route, serviceGone ? noService : service)
    const routes = index.get(listener) ?? new Map<string, Map<string, Node>>()
    const services = routes.get(route) ?? new Map<string, Node>()
    index.set(listener, routes.set(route, services.set(service, node)))
    return node
  }

  function nodeOf(listener: string, route: string | undefined, service: string): Node {
    const key = JSON.stringify([listener, route, service])
    const node = nodes.get(key) ?? { listener, route, service, cells: new Map() }
    nodes.set(key, node)
    return node
  }

  return {
    record(record) {
      const { kind, duration } = record
      const node = findNode(record.listener, record.route ?? noRoute, record.service ?? noService)
      const cell = cellOf(node, {
        relayed: wasRelayed(record),
        code: codeLabels[record.status] ?? 0,
        method: methodNumbers.get(record.method) ?? 0,
        kind,
      })
      cell.requests++
      cell.received += record.bytesReceived
      cell.sent += record.bytesSent
      // A tunnel lasts as long as somebody looks at a page: in the histogram it would drown the requests.
      if (kind !== 'http') return
      const seconds = duration / 1000
      cell.seconds += seconds
      cell.buckets[bucketOf(seconds)] = (cell.buckets[bucketOf(seconds)] ?? 0) + 1
    },
    forget(routes, services) {
      known = { routes, services }
      index = new Map()
      for (const [key, node] of [...nodes]) {
        const { listener, route, service } = node
        const keptRoute = route === noRoute || routes.has(route ?? '') ? route : undefined
        const keptService = services.has(service) ? service : noService
        if (keptRoute === route && keptService === service) continue
        nodes.delete(key)
        foldInto(nodeOf(listener, keptRoute, keptService), node)
      }
    },
    *cells() {
      for (const node of nodes.values()) yield* node.cells.values()
    },
  }
}

// --- internal ---

interface Node {
  readonly listener: string
  readonly route: string | undefined
  readonly service: string
  /** By a number made of everything else: one look-up without building a string. */
  readonly cells: Map<number, Cell>
}

const methodNames = [
  'EXTENSION_METHOD',
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'DELETE',
  'CONNECT',
  'OPTIONS',
  'TRACE',
  'PATCH',
]
const methodNumbers = new Map(methodNames.map((name, number) => [name, number]))

/**
 * Status → label. RFC 9110 §15: a code that is not known means what x00 of its class means, and one above 599 is
 * to be read as a server error. 0 is an exchange whose client had gone before there was a status.
 */
const codeLabels = Array.from({ length: 1000 }, (_, code) => {
  if (code < 100) return 0
  if (STATUS_CODES[code] !== undefined) return code
  return code > 599 ? 500 : code - (code % 100)
})

function cellOf(
  node: Node,
  names: { relayed: boolean; code: number; method: number; kind: Cell['protocol'] },
): Cell {
  const { relayed, code, method, kind } = names
  const kindNumber = kind === 'http' ? 0 : kind === 'websocket' ? 1 : 2
  const key = ((code * 16 + method) * 3 + kindNumber) * 2 + (relayed ? 1 : 0)
  const found = node.cells.get(key)
  if (found !== undefined) return found
  const { listener, route, service } = node
  const cell: Cell = {
    listener,
    route,
    service,
    relayed,
    code,
    method: methodNames[method] as string,
    protocol: kind,
    ...emptyCounts(),
  }
  node.cells.set(key, cell)
  return cell
}

function wasRelayed({ attempts, decision, errorCode }: ExchangeRecord): boolean {
  return (
    attempts > 0 || (decision === 'error' && errorCode !== undefined && errorCode.startsWith('upstream_'))
  )
}

function bucketOf(seconds: number): number {
  let bucket = 0
  while (bucket < bucketLimits.length && seconds > (bucketLimits[bucket] as number)) bucket++
  return bucket
}

export function emptyCounts(): Counts {
  return {
    requests: 0,
    received: 0,
    sent: 0,
    seconds: 0,
    buckets: new Array(bucketLimits.length + 1).fill(0),
  }
}

export function addCounts(to: Counts, more: Counts): void {
  to.requests += more.requests
  to.received += more.received
  to.sent += more.sent
  to.seconds += more.seconds
  for (let i = 0; i < to.buckets.length; i++) to.buckets[i] = (to.buckets[i] ?? 0) + (more.buckets[i] ?? 0)
}

function foldInto(node: Node, gone: Node): void {
  for (const [key, cell] of gone.cells) {
    const into = node.cells.get(key)
    if (into === undefined) {
      const { listener, route, service } = node
      node.cells.set(key, { ...cell, listener, route, service })
    } else {
      addCounts(into, cell)
    }
  }
}
