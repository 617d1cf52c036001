import { z } from 'zod'
import { policySchemas } from './policy-schemas.ts'
import { duration, network, size } from './units.ts'

/**
 * The shape of routes.yaml: types, defaults, errors and the editor's JSON Schema all come from here.
 * What a value means stands in its `describe`.
 */

const name = z
  .string()
  .regex(/^[A-Za-z][A-Za-z0-9_-]*$/, 'is not a name: letters, digits, - and _, starting with a letter')
const port = z.int().min(0).max(65535)
const hostPattern = z
  .string()
  .toLowerCase()
  .regex(
    /^(\*\.)?([a-z0-9_]([a-z0-9_-]*[a-z0-9_])?\.)*[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?$|^\[[0-9a-f:.]+\]$/,
    'is not a host name; a `*` may only be the whole first label, as in *.example.com',
  )
const pathPattern = z
  .string()
  .regex(
    /^\/([A-Za-z0-9\-._~!$&'()*+,=:@]+\/?)*$/,
    'is not a path: it starts with /, its segments hold no blanks, `;`, `%` or `//`, and `:name` stands for a segment',
  )

const listener = z.strictObject({
  port: port.describe('TCP port. 0 takes a free one.'),
  address: z.string().default('::').describe('Address to bind; `::` is every address, IPv4 and IPv6.'),
  tls: z
    .boolean()
    .optional()
    .describe('Whether clients speak TLS here. Default: true for the listener named `https`.'),
  redirect: name
    .optional()
    .describe('Send whatever no route of this listener matches to that listener, with 308.'),
  acmeWebroot: z
    .string()
    .optional()
    .describe('Folder that serves /.well-known/acme-challenge/ (certbot --webroot).'),
  proxyProtocol: z
    .boolean()
    .default(false)
    .describe('Expect the PROXY protocol (v1 or v2) from `trustedProxies` in front.'),
  clientCertificates: z
    .strictObject({
      ca: z.string().describe('PEM file with the authorities that may have signed them.'),
      require: z.boolean().default(true).describe('Refuse a client without one. `false` only asks.'),
    })
    .optional()
    .describe('Mutual TLS.'),
  publicPort: port.optional().describe('The port that clients see, for redirects. Default: the port itself.'),
})

const tls = z.strictObject({
  certificates: z
    .array(
      z.strictObject({
        cert: z.string().describe('PEM file, leaf first, then the chain.'),
        key: z.string().describe('PEM file.'),
      }),
    )
    .default([])
    .describe(
      'Chosen by the name that the client asks for: exact, then wildcard, then the first. Reloaded when a file changes. None: a self-signed one is made in certs/.',
    ),
  minVersion: z.enum(['TLSv1.2', 'TLSv1.3']).default('TLSv1.2'),
})

const upstreamTls = z.strictObject({
  ca: z.string().optional().describe('PEM file with the authority that signed its certificate.'),
  servername: z.string().optional().describe('Name that the certificate must carry, if it is not the host.'),
  insecureSkipVerify: z
    .boolean()
    .default(false)
    .describe(
      'Accept any certificate, such as the self-signed one of a Kasm container. Named here so that it can be found.',
    ),
})

const upstream = z
  .strictObject({
    targets: z
      .array(
        z
          .string()
          .regex(
            /^(https?:\/\/[^/?#\s]+\/?|unix:\/.+)$/,
            'is none of http://host:port, https://host:port, unix:/path',
          ),
      )
      .default([])
      .describe('Fixed addresses: `http://127.0.0.1:3000`, `https://10.0.0.7`, `unix:/run/app.sock`.'),
    leased: z.boolean().default(false).describe('Services announce their addresses themselves.'),
    keyed: z.boolean().default(false).describe('One pool per key: `to: "desktop/:key"`.'),
    health: z.string().startsWith('/').optional().describe('Path that answers 2xx while a target is well.'),
    networks: z
      .array(network)
      .default(['127.0.0.0/8', '::1'])
      .describe('Networks that leased targets may lie in.'),
    connections: z.int().min(1).default(256).describe('Most connections to one target per worker.'),
    connectTimeout: duration.prefault('5s').describe('To reach a target, TLS included.'),
    tls: upstreamTls.prefault({}),
  })
  .refine(
    (value) => value.leased || value.targets.length > 0,
    'has no `targets` and is not `leased`, so nothing could ever be there',
  )
  .refine((value) => !value.keyed || value.leased, '`keyed` needs `leased: true`')

const timeouts = z.strictObject({
  response: duration.prefault('60s').describe('From the request to the first byte of the response head.'),
  idle: duration.prefault('60s').describe('Without a byte in either direction, in a body or a tunnel.'),
})

const match = z.strictObject({
  host: oneOrMore(hostPattern).optional().describe('Exact, or `*.` for one label. Default: every host.'),
  path: oneOrMore(pathPattern)
    .prefault('/')
    .describe(
      'Prefix that ends at a segment: /close is /close and /close/x, never /closet. `:name` stands for one segment.',
    ),
  exact: z.boolean().default(false).describe('The path itself and nothing below it.'),
  methods: z
    .array(z.string().toUpperCase())
    .min(1)
    .optional()
    .describe('Only these methods are this route; others go on to the next that fits.'),
})

const forward = z.strictObject({
  prefix: z
    .union([z.enum(['keep', 'strip']), pathPattern])
    .default('keep')
    .describe(
      'What becomes of the matched prefix: `keep`, `strip`, or another path in its place. `Location` and cookie paths follow.',
    ),
  host: z.string().default('keep').describe('Host that the upstream sees: `keep`, `target`, or a name.'),
})

const route = z
  .strictObject({
    name: name.describe('Its name in logs, metrics and commands.'),
    match: match
      .prefault({})
      .describe(
        'The most specific route wins: exact host before wildcard before none, then the longer path, then the earlier in the file.',
      ),
    listeners: z
      .array(name)
      .min(1)
      .optional()
      .describe('Where it answers. Default: every TLS listener; all listeners if there is none.'),
    policies: z
      .record(z.string(), z.unknown())
      .default({})
      .describe(
        'Rules that an exchange must pass, and changes to its headers and body. `false` switches off a default.',
      ),
    middleware: z
      .array(
        z.strictObject({
          use: name.describe('Name of an extension that is Express middleware.'),
          options: z.unknown().optional(),
        }),
      )
      .default([])
      .describe('Express middleware, run after the policies, for upgrades too.'),
    to: z.string().optional().describe('An upstream by name, `name/:param` for a keyed one, or an address.'),
    files: z
      .union([
        z.string().transform((root) => ({ root, spa: false, index: 'index.html' })),
        z.strictObject({
          root: z.string(),
          spa: z.boolean().default(false).describe('Serve the index for every path that is no file.'),
          index: z.string().default('index.html'),
        }),
      ])
      .optional()
      .describe('A folder to serve, the matched prefix removed. Dot files are never served.'),
    redirect: z
      .union([
        z.string().transform((location) => ({ location, status: 308 })),
        z.strictObject({
          location: z.string(),
          status: z
            .union([z.literal(301), z.literal(302), z.literal(303), z.literal(307), z.literal(308)])
            .default(308),
        }),
      ])
      .optional()
      .describe('Where to send clients. `{path}` and `{query}` stand for what they asked for.'),
    forward: forward.prefault({}),
    timeouts: timeouts.prefault({}),
    minUploadRate: size
      .prefault('500B')
      .describe(
        'Bytes per second below which an upload is ended, averaged over ten seconds. Instead of a limit on the whole request.',
      ),
    accessLog: z
      .union([z.literal(false), z.string()])
      .optional()
      .describe('A file of its own for this route, or `false` for none.'),
  })
  .refine(
    (value) => [value.to, value.files, value.redirect].filter((end) => end !== undefined).length === 1,
    'needs exactly one of `to`, `files`, `redirect`',
  )

export const schema = z.strictObject({
  listeners: z.record(name, listener).refine((all) => Object.keys(all).length > 0, 'names no listener'),
  tls: tls.prefault({}),
  trustedProxies: z
    .array(network)
    .default([])
    .describe("Whose X-Forwarded-* and PROXY headers are believed. Empty: nobody's."),
  upstreams: z.record(name, upstream).default({}),
  extensions: z
    .record(name, z.string())
    .default({})
    .describe('Policies and Express middleware of your own: a name, and the file that defines it.'),
  defaults: z
    .strictObject({ policies: z.record(z.string(), z.unknown()).default({}) })
    .prefault({})
    .describe('Policies of every route that does not say otherwise.'),
  routes: z.array(route).describe('What is served.'),
  accessLog: z
    .strictObject({
      file: z
        .string()
        .default('data/logs/access.log')
        .describe('A file, reopened when it is rotated, or `stdout`.'),
      format: z
        .enum(['json', 'combined'])
        .default('json')
        .describe("`json` in Caddy's shape with our fields, or `combined` for fail2ban and GoAccess."),
      query: z.boolean().default(true).describe('Whether the query is written.'),
    })
    .prefault({}),
  admin: z
    .strictObject({
      address: z.string().default('127.0.0.1'),
      port: port.default(9901),
      socket: z.string().optional().describe('A unix socket instead of a port.'),
    })
    .prefault({})
    .describe('Metrics, health and the route table. Loopback or a unix socket only.'),
  workers: z
    .union([z.literal('auto'), z.int().min(1).max(256)])
    .default('auto')
    .describe('Processes that serve; `auto` is one per core.'),
  limits: z
    .strictObject({
      headerSize: size.prefault('32KB').describe('The whole request head.'),
      headerCount: z.int().min(10).max(1000).default(100),
      headTimeout: duration.prefault('15s').describe('To finish the TLS handshake and send a request head.'),
      keepAlive: duration.prefault('65s').describe('How long an idle client connection is kept.'),
      streams: z.int().min(1).default(100).describe('Concurrent HTTP/2 streams per connection.'),
      connectionsPerClient: z
        .int()
        .min(0)
        .default(0)
        .describe('Most connections of one address per worker; 0 is no limit.'),
      stop: duration.prefault('30s').describe('How long a graceful stop waits for exchanges in flight.'),
    })
    .prefault({}),
})

export type Config = z.output<typeof schema> & { routes: RouteConfig[] }
export type RouteConfig = z.output<typeof route>
export type ListenerConfig = z.output<typeof listener>
export type UpstreamConfig = z.output<typeof upstream>

/** A route's policies are checked one by one, by name, because extensions add names: see `load.ts`. */
export const builtinPolicies = policySchemas

/** `a` and `[a]` mean the same. */
function oneOrMore<T extends z.ZodType>(item: T) {
  return z.union([item.transform((value) => [value]), z.array(item).min(1)])
}
