import { z } from 'zod'
import { acme } from './acme-schema.ts'
import { bindAddress, filePath, name, port } from './patterns.ts'

/** The sockets that clients connect to, and the certificates that are shown on them. */

export const listener = z.strictObject({
  port: port.describe('TCP port. 0 takes a free one.'),
  address: bindAddress.default('::').describe('Address to bind; `::` is every address, IPv4 and IPv6.'),
  tls: z
    .boolean()
    .optional()
    .describe('Whether clients speak TLS here. Default: true for the listener named `https`.'),
  redirect: name
    .optional()
    .describe('Send whatever no route of this listener matches to that listener, with 308.'),
  acmeWebroot: filePath
    .optional()
    .describe('Folder that serves /.well-known/acme-challenge/ (certbot --webroot).'),
  proxyProtocol: z
    .boolean()
    .default(false)
    .describe('Expect the PROXY protocol (v1 or v2) from `trustedProxies` in front.'),
  clientCertificates: z
    .strictObject({
      ca: filePath.describe('PEM file with the authorities that may have signed them.'),
      require: z.boolean().default(true).describe('Refuse a client without one. `false` only asks.'),
    })
    .optional()
    .describe('Mutual TLS.'),
  publicPort: port.optional().describe('The port that clients see, for redirects. Default: the port itself.'),
})

export const tls = z.strictObject({
  certificates: z
    .array(
      z.strictObject({
        cert: filePath.describe('PEM file, leaf first, then the chain.'),
        key: filePath.describe('PEM file.'),
      }),
    )
    .default([])
    .describe(
      'Chosen by the name that the client asks for: exact, then wildcard, then the first. Reloaded when a file changes. None: a self-signed one is made in certs/.',
    ),
  automatic: acme
    .optional()
    .describe('Get and renew certificates by ACME, for hosts that none of the above covers.'),
  minVersion: z
    .enum(['TLSv1.2', 'TLSv1.3'])
    .default('TLSv1.2')
    .describe('Clients that speak only an older one are refused.'),
})

export type ListenerConfig = z.output<typeof listener>
