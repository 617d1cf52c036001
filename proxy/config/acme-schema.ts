import { z } from 'zod'
import { filePath, hostPattern } from './patterns.ts'
import { duration } from './units.ts'

/** `tls.automatic`: certificates from an authority that speaks ACME (RFC 8555). */
export const acme = z.strictObject({
  email: z
    .email('is not an address; write one such as ops@example.com')
    .describe('Where the authority writes to when something is wrong with a certificate.'),
  directory: z
    .union([
      z.literal(['letsencrypt', 'letsencrypt-staging']),
      z.string().regex(/^https:\/\/\S+$/, 'is not a directory; write letsencrypt, or its https address'),
    ])
    .default('letsencrypt')
    .describe('The authority: `letsencrypt`, `letsencrypt-staging`, or the address of its directory.'),
  ca: filePath
    .optional()
    .describe('PEM file of the authority that signed the directory itself, where it is a private one.'),
  hosts: z
    .array(hostPattern)
    .optional()
    .describe(
      'Hosts that get a certificate. Default: those of the routes, as far as the authority can know them.',
    ),
  challenge: z
    .enum(['http-01', 'tls-alpn-01'])
    .default('http-01')
    .describe(
      'What the authority looks at: a file on port 80, or (`tls-alpn-01`) a certificate on port 443, where 80 is closed.',
    ),
  dns: z
    .strictObject({
      hook: filePath.describe(
        'A program that is called with `set` or `clear`, the name and the text of a TXT record, and ends when it is there.',
      ),
    })
    .optional()
    .describe(
      'Prove by DNS instead of `challenge`. Needed for wildcards, and where neither port leads here.',
    ),
  onDemand: z
    .strictObject({
      hosts: z
        .array(hostPattern)
        .min(1)
        .describe('Which names a client may ask for, such as `*.desk.example.com`. `*` is one label.'),
      ask: z
        .string()
        .regex(/^https?:\/\/\S+$/, 'is not an address; write one such as http://127.0.0.1:3000/allowed')
        .describe('Is asked `GET …?domain=name` before a certificate is ordered or renewed; 2xx is yes.'),
      perMinute: z.int().min(1).max(1000).default(10).describe('New hosts within a minute, at most.'),
      most: z.int().min(1).max(10_000).default(1000).describe('Hosts that are got this way, at most.'),
    })
    .optional()
    .describe(
      'Hosts that are in no route by their names: they get a certificate when a client asks for one.',
    ),
  renewBefore: duration
    .optional()
    .describe('How long before its end a certificate is renewed. Default: when a third of its life is left.'),
  storage: filePath.default('data/acme').describe('Folder of accounts, certificates and keys.'),
})
