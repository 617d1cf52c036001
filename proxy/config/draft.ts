import type { z } from 'zod'
import { type ListenerConfig, listener } from './listener-schema.ts'
import type { Finding } from './problem.ts'
import { type RouteConfig, route } from './route-schema.ts'
import { type Config, schema } from './schema.ts'
import { describeIssues, plainWords } from './sentences.ts'
import type { Source } from './source.ts'
import { type UpstreamConfig, upstream } from './upstream-schema.ts'

/**
 * As much of a configuration as could be read. A part with a mistake is undefined and its name is still known, so
 * that one bad port does not make every mention of its listener a second mistake.
 */
export interface Draft {
  readonly listeners: Readonly<Record<string, ListenerConfig | undefined>>
  readonly upstreams: Readonly<Record<string, UpstreamConfig | undefined>>
  readonly extensions: Readonly<Record<string, unknown>>
  readonly routes: readonly Partial<RouteConfig>[]
  readonly tls?: Config['tls']
  readonly admin?: Config['admin']
  readonly redis?: Config['redis']
  readonly tracing?: Config['tracing']
}

export interface DraftReading {
  readonly draft: Draft
  /** Present if the whole shape is right. */
  readonly config?: Config
  readonly findings: readonly Finding[]
}

/** Checks the shape of everything, and answers what could be read whether or not all of it could. */
export function readDraft(source: Source): DraftReading {
  const result = schema.safeParse(source.value, { error: plainWords })
  if (result.success) return { draft: result.data, config: result.data, findings: [] }
  return { draft: salvage(source.value), findings: describeIssues(result.error.issues, [], source) }
}

function salvage(value: unknown): Draft {
  const top = blockOf(value)
  const { shape } = schema
  return {
    listeners: mapBlock(top.listeners, (entry) => parsed(listener, entry)),
    upstreams: mapBlock(top.upstreams, (entry) => parsed(upstream, entry)),
    extensions: blockOf(top.extensions),
    routes: (Array.isArray(top.routes) ? top.routes : []).map(salvageRoute),
    tls: parsed(shape.tls, top.tls),
    admin: parsed(shape.admin, top.admin),
    redis: parsed(shape.redis, top.redis),
    tracing: parsed(shape.tracing, top.tracing),
  }
}

function salvageRoute(value: unknown): Partial<RouteConfig> {
  const whole = parsed(route, value)
  if (whole) return whole
  const entry = blockOf(value)
  const parts = Object.entries(route.shape).map(([key, part]) => [key, parsed(part as z.ZodType, entry[key])])
  return Object.fromEntries(parts)
}

function parsed<T extends z.ZodType>(type: T, value: unknown): z.output<T> | undefined {
  const result = type.safeParse(value)
  return result.success ? result.data : undefined
}

function mapBlock<T>(value: unknown, map: (entry: unknown) => T): Record<string, T> {
  return Object.fromEntries(Object.entries(blockOf(value)).map(([key, entry]) => [key, map(entry)]))
}

/** The value if it is a block of keys, otherwise an empty one. */
export function blockOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {}
}
