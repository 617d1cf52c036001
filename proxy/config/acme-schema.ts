import { z } from 'zod'
import { hostPattern } from './patterns.ts'
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
  ca: z
    .string()
    .optional()
    .describe('PEM file of the authority that signed the directory itself, where it is a private one.'),
  hosts: z
    .array(hostPattern)
    .optional()
    .describe(
      'Hosts that get a certificate. Default: those of the routes, as far as the authority can know them.',
    ),
  dns: z
    .strictObject({
      hook: z
        .string()
        .describe(
          'A program that is called with `set` or `clear`, the name and the text of a TXT record, and ends when it is there.',
        ),
    })
    .optional()
    .describe('Prove by DNS instead of HTTP. Needed for wildcards, and where port 80 is closed.'),
  renewBefore: duration
    .optional()
    .describe('How long before its end a certificate is renewed. Default: when a third of its life is left.'),
  storage: z.string().default('data/acme').describe('Folder of accounts, certificates and keys.'),
})
