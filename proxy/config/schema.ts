import { z } from 'zod'
import { type ListenerConfig, listener, tls } from './listener-schema.ts'
import { bindAddress, filePath, name, port } from './patterns.ts'
import { redis } from './redis-schema.ts'
import { policyBlock, type RouteConfig, route } from './route-schema.ts'
import { tracing } from './tracing-schema.ts'
import { duration, network, size } from './units.ts'
import { type UpstreamConfig, upstream } from './upstream-schema.ts'

/**
 * The shape of routes.yaml: types, defaults, errors and the editor's JSON Schema all come from here and from the
 * files beside it: `listener-schema`, `upstream-schema`, `route-schema`, `policy-schemas`.
 * What a value means stands in its `describe`.
 */
export const schema = z.strictObject({
  listeners: z
    .record(name, listener)
    .refine(
      (all) => Object.keys(all).length > 0,
      'names no listener; write one such as `https: { port: 8443 }`',
    )
    .describe('The sockets that clients connect to, by name.'),
  tls: tls.prefault({}).describe('The certificates of all TLS listeners.'),
  trustedProxies: z
    .array(network)
    .default([])
    .describe("Whose X-Forwarded-* and PROXY headers are believed. Empty: nobody's."),
  upstreams: z.record(name, upstream).default({}).describe('The services behind the proxy, by name.'),
  extensions: z
    .record(name, filePath)
    .default({})
    .describe('Policies and Express middleware of your own: a name, and the file that defines it.'),
  defaults: z
    .strictObject({ policies: policyBlock.default({}) })
    .prefault({})
    .describe('Policies of every route that does not say otherwise.'),
  routes: z.array(route).describe('What is served.'),
  accessLog: z
    .strictObject({
      file: filePath
        .default('data/logs/access.log')
        .describe('A file, reopened when it is rotated, or `stdout`.'),
      format: z
        .enum(['json', 'combined'])
        .default('json')
        .describe("`json` in Caddy's shape with our fields, or `combined` for fail2ban and GoAccess."),
      query: z.boolean().default(true).describe('Whether the query is written.'),
    })
    .prefault({})
    .describe('One line for every exchange.'),
  admin: z
    .strictObject({
      address: z
        .union([bindAddress, z.literal('localhost')], 'is not an IP address; write 127.0.0.1')
        .default('127.0.0.1')
        .describe('A loopback address.'),
      port: port.default(9901).describe('TCP port. 0 takes a free one.'),
      socket: filePath.optional().describe('A unix socket instead of a port.'),
    })
    .prefault({})
    .describe('Metrics, health and the route table. Loopback or a unix socket only.'),
  redis: redis
    .optional()
    .describe(
      'Shares leases, rate limits, revoked tokens and session ticket keys among the proxies of a fleet.',
    ),
  tracing: tracing
    .optional()
    .describe(
      'W3C trace context, made and logged, and spans by OpenTelemetry. Without it `traceparent` passes as it came.',
    ),
  workers: z
    .union([z.literal('auto'), z.int().min(1).max(256)])
    .default('auto')
    .describe('Processes that serve; `auto` is one per core.'),
  limits: z
    .strictObject({
      headerSize: size.prefault('32KB').describe('The whole request head.'),
      headerCount: z.int().min(10).max(1000).default(100).describe('Most fields of a request head.'),
      headTimeout: duration.prefault('15s').describe('To finish the TLS handshake and send a request head.'),
      keepAlive: duration.prefault('65s').describe('How long an idle client connection is kept.'),
      streams: z.int().min(1).default(100).describe('Concurrent HTTP/2 streams per connection.'),
      connectionsPerClient: z
        .int()
        .min(0)
        .default(1000)
        .describe(
          'Most connections of one address (an IPv6 /64 counts as one) per worker; more are cut at once. Those of `trustedProxies` are not counted. 0 is no limit.',
        ),
      exchanges: z
        .int()
        .min(1)
        .default(10_000)
        .describe('Most requests under way per worker. More are refused with 503 `overloaded`.'),
      tunnels: z
        .int()
        .min(0)
        .default(10_000)
        .describe('Most tunnels and event streams per worker. They take no place of `exchanges`.'),
      delay: duration
        .prefault('1s')
        .describe(
          'How long a request may wait until its worker begins it; one that has waited longer is refused with 503 `overloaded`. While more comes than a core can do it is a quarter of that. 0s is no limit.',
        ),
      memory: size
        .prefault('2GB')
        .describe('A worker that holds more is replaced, and ends when its exchanges have. 0B is no limit.'),
      stall: duration
        .prefault('10s')
        .describe(
          'A worker whose event loop has not turned for so long is ended and replaced. 0s is no limit.',
        ),
      drain: duration
        .prefault('10m')
        .describe('How long a worker that was replaced keeps its tunnels and event streams.'),
      stop: duration.prefault('30s').describe('How long a graceful stop waits for exchanges in flight.'),
    })
    .prefault({})
    .describe('What clients may ask of the proxy.'),
})

export type Config = z.output<typeof schema>
export type { ListenerConfig, RouteConfig, UpstreamConfig }
