import { z } from 'zod'
import { targetAddress } from './patterns.ts'
import { duration, network } from './units.ts'

/** The services behind the proxy: fixed addresses, or addresses that services announce themselves. */

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

export const upstream = z
  .strictObject({
    targets: z
      .array(targetAddress)
      .default([])
      .describe('Fixed addresses: `http://127.0.0.1:3000`, `https://10.0.0.7`, `unix:/run/app.sock`.'),
    leased: z.boolean().default(false).describe('Services announce their addresses themselves.'),
    keyed: z.boolean().default(false).describe('One pool per key: `to: "desktop/:key"`.'),
    health: z
      .string()
      .startsWith('/', 'is not a path; write one such as /health')
      .optional()
      .describe('Path that answers 2xx while a target is well.'),
    networks: z
      .array(network)
      .default(['127.0.0.0/8', '::1'])
      .describe('Networks that leased targets may lie in.'),
    connections: z.int().min(1).default(256).describe('Most connections to one target per worker.'),
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

export type UpstreamConfig = z.output<typeof upstream>
