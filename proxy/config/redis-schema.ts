import { z } from 'zod'
import { certificateName, filePath, secret } from './patterns.ts'

/** Where many proxies keep what they share. Without it nothing of Redis is loaded. */

const hostAndPort = z
  .string()
  .regex(
    /^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?):\d{1,5}$/,
    'is not the address of a Redis server; write host:port',
  )
  .meta({ examples: ['10.0.0.5:6379'] })

const socket = z
  .string()
  .regex(/^unix:\/.+$/, 'is not the whole path of a socket; write unix:/run/redis.sock')

const sentinels = z.strictObject({
  name: z.string().min(1).describe('What the sentinels call the primary that they watch.'),
  addresses: z.array(hostAndPort).min(1).describe('The sentinels, `host:port` each.'),
  password: secret.optional().describe('Of the sentinels themselves: a file, or `env:NAME`.'),
})

const trust = z.strictObject({
  ca: filePath.optional().describe('PEM file with the authority that signed its certificate.'),
  servername: certificateName
    .optional()
    .describe('Name that the certificate must carry, if it is not the host.'),
})

const tls = z.union([
  z.boolean().transform((on): z.output<typeof trust> | undefined => (on ? {} : undefined)),
  trust,
])

export const redis = z
  .strictObject({
    address: z
      .union([hostAndPort, socket])
      .optional()
      .describe('One server: `host:port`, or `unix:/run/redis.sock`.'),
    sentinels: sentinels.optional().describe('A primary and its replicas, found through sentinels.'),
    cluster: z
      .array(hostAndPort)
      .min(1)
      .optional()
      .describe('Some nodes of a Redis Cluster; they name the others.'),
    username: z.string().optional().describe('Whom the password belongs to, where Redis has users.'),
    password: secret.optional().describe('A file, or `env:NAME`. The password itself never stands here.'),
    tls: tls.optional().describe('Whether it speaks TLS, and how it is recognised.'),
    database: z.int().min(0).max(1023).default(0).describe('Number of the database. A cluster has only 0.'),
    prefix: z
      .string()
      .regex(/^[A-Za-z0-9:._-]{1,64}$/, 'is not a prefix; write letters, digits and : . _ -, 64 at most')
      .default('gatehouse:')
      .describe('Begins every key and channel. Proxies with the same prefix are one fleet.'),
    localShare: z
      .union([z.literal('auto'), z.number().positive('is not above 0').max(1, 'is above 1')])
      .default('auto')
      .describe(
        'The share of each rate limit that a proxy gives out alone while Redis is away. `auto`: one part for each proxy that was there last.',
      ),
  })
  .superRefine((value, context) => {
    const given = [value.address, value.sentinels, value.cluster].filter((each) => each !== undefined)
    if (given.length === 1) return
    const message = given.length === 0 ? 'names no server' : 'names servers in more than one way'
    context.addIssue({
      code: 'custom',
      message: `${message}; it needs exactly one of \`address\`, \`sentinels\`, \`cluster\``,
    })
  })
  .refine(
    ({ cluster, database }) => cluster === undefined || database === 0,
    'names a `database` of a cluster, which has only 0; leave it out',
  )

export type RedisConfig = z.output<typeof redis>
