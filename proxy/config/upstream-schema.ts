import { z } from 'zod'
import { certificateName, fieldName, filePath, secret, targetAddress } from './patterns.ts'
import { duration, network } from './units.ts'

/** The services behind the proxy: fixed addresses, or addresses that services announce themselves. */

const upstreamTls = z.strictObject({
  ca: filePath.optional().describe('PEM file with the authority that signed its certificate.'),
  servername: certificateName
    .optional()
    .describe('Name that the certificate must carry, if it is not the host.'),
  insecureSkipVerify: z
    .boolean()
    .default(false)
    .describe(
      'Accept any certificate, such as the self-signed one of a Kasm container. Named here so that it can be found.',
    ),
})

const healthPath = z
  .string()
  .startsWith('/', 'is not a path; write one such as /health')
  .regex(/^[\x21-\x7e]*$/, 'holds blanks or letters beyond ASCII; percent-encode them')

const healthCheck = z.strictObject({
  path: healthPath.describe('Path that is asked for.'),
  status: z
    .array(z.int().min(100).max(599))
    .min(1)
    .optional()
    .describe('Statuses of a target that is well. Default: any 2xx.'),
  body: z.string().min(1).optional().describe('Text that the first 64 KB of the answer must hold.'),
  interval: duration
    .prefault('5s')
    .refine((value) => value >= 100, 'is less than 100ms; write 1s or more')
    .describe('Time between two checks. Each varies by a tenth, so that checks do not come together.'),
  timeout: duration.prefault('2s').describe('A target that has not answered by then fails the check.'),
  failures: z.int().min(1).default(2).describe('Failed checks in a row after which a target is passed over.'),
})

/** A bare path, or the whole check. */
const health = z.union([healthPath.transform((path) => healthCheck.parse({ path })), healthCheck])

/** A bare address, or one with its share. */
const target = z.union([
  targetAddress.transform((url) => ({ url, weight: 1 })),
  z.strictObject({
    url: targetAddress.describe('Where it is.'),
    weight: z
      .number()
      .positive('is not above 0')
      .max(1_000, 'is above 1000')
      .default(1)
      .describe('Its share beside other targets.'),
  }),
])

const sticky = z.strictObject({
  key: secret.describe('Signs the cookie: a file, or `env:NAME`. The same on all proxies of a fleet.'),
  cookie: fieldName.default('gatehouse_target').describe('Name of the cookie.'),
  ttl: duration.optional().describe('How long a browser keeps it. Default: until it is closed.'),
})

export const upstream = z
  .strictObject({
    targets: z
      .array(target)
      .default([])
      .describe('Fixed addresses: `http://127.0.0.1:3000`, `https://10.0.0.7`, `unix:/run/app.sock`.'),
    leased: z.boolean().default(false).describe('Services announce their addresses themselves.'),
    keyed: z.boolean().default(false).describe('One pool per key: `to: "desktop/:key"`.'),
    health: health
      .optional()
      .describe('How targets are asked whether they are well: a path, or more than that.'),
    balance: z
      .string()
      .regex(
        /^(roundRobin|leastConnections|twoChoices|client|header:[A-Za-z0-9-]+)$/,
        'is none of roundRobin, leastConnections, twoChoices, client, header:NAME; write one of these',
      )
      .default('roundRobin')
      .describe(
        'Which target is next: each in turn; the one with the fewest exchanges; the better of two random ones; or always the same for the same `client` or `header:NAME`, and only the share of a target that goes moves.',
      ),
    slowStart: duration
      .prefault('0s')
      .describe('A target that is new, or back, works up to its full share in this time.'),
    sticky: sticky
      .optional()
      .describe(
        'A signed cookie brings a client back to the target that answered it first, while that is well.',
      ),
    retryBudget: z
      .number()
      .min(0, 'is below 0')
      .max(1, 'is above 1')
      .default(0.2)
      .describe(
        'So many exchanges may be repeated on another target after one failed them, per exchange; a hundred at first. What never reached a target is always tried elsewhere.',
      ),
    networks: z
      .array(network)
      .default(['127.0.0.0/8', '::1'])
      .describe('Networks that leased targets may lie in. A name must resolve into them, at every connect.'),
    sockets: z
      .array(filePath)
      .default(['data/sockets'])
      .describe('Folders that leased unix sockets may lie in, from the folder of routes.yaml.'),
    connections: z.int().min(1).default(256).describe('Most connections to one target per worker.'),
    queue: z
      .int()
      .min(0)
      .optional()
      .describe(
        'Most requests that wait for a connection to one target, each for `connectTimeout` at most. More are refused with 503 `upstream_full`. Default: as many as `connections`.',
      ),
    connectTimeout: duration.prefault('5s').describe('To reach a target, TLS included.'),
    tls: upstreamTls.prefault({}).describe('For `https://` targets.'),
  })
  .refine(
    (value) => value.leased || value.targets.length > 0,
    'has no `targets` and is not `leased`, so nothing could ever be there; add one of the two',
  )
  .refine(
    (value) => !value.keyed || value.leased,
    'is `keyed` and not `leased`, so nothing could fill its pools; add `leased: true`',
  )
  .transform(({ targets, ...others }) => ({
    ...others,
    targets: targets.map(({ url }) => url),
    /** Of the fixed ones, by address. */
    weights: Object.fromEntries(targets.map(({ url, weight }) => [url, weight])),
  }))

export type UpstreamConfig = z.output<typeof upstream>
export type StickyConfig = z.output<typeof sticky>
export type HealthConfig = z.output<typeof healthCheck>
