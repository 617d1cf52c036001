import { z } from 'zod'
import { filePath, hostPattern, name, pathPattern } from './patterns.ts'
import { duration, size } from './units.ts'

/** One entry of `routes`: what it matches, what it asks of an exchange, and where it goes. */

const match = z.strictObject({
  host: oneOrMore(hostPattern).optional().describe('Exact, or `*.` for one label. Default: every host.'),
  path: oneOrMore(pathPattern)
    .prefault('/')
    .describe(
      'Prefix that ends at a segment: /close is /close and /close/x, never /closet. `:name` stands for one segment.',
    ),
  exact: z.boolean().default(false).describe('The path itself and nothing below it.'),
  methods: z
    .array(
      z
        .string()
        .toUpperCase()
        .regex(/^[A-Za-z-]+$/, 'is not a method; write one such as GET'),
    )
    .min(1)
    .optional()
    .describe('Only these methods are this route; others go on to the next that fits.'),
})

/**
 * Policies by name. A record that is open here and closed one by one in `policies.ts`, because extensions add names.
 */
export const policyBlock = z
  .record(z.string(), z.unknown())
  .describe(
    'Rules that an exchange must pass, and changes to its headers and body. `false` switches off a default.',
  )

const middleware = z.strictObject({
  use: name.describe('Name of an extension that is Express middleware.'),
  options: z.unknown().optional().describe('What its `create` is given.'),
})

const files = z.union([
  z
    .string()
    .min(1, 'is not a folder; write one relative to routes.yaml')
    .transform((root) => ({ root, spa: false, index: 'index.html' })),
  z.strictObject({
    root: z
      .string()
      .min(1, 'is not a folder; write one relative to routes.yaml')
      .describe('The folder, relative to routes.yaml. Where `match.exact` is set it may be one file.'),
    spa: z.boolean().default(false).describe('Serve the index for every path that is no file.'),
    index: z.string().default('index.html').describe('Served for a folder.'),
  }),
])

const location = z.string().superRefine((text, context) => {
  const fault = findLocationFault(text)
  if (fault !== undefined) context.addIssue({ code: 'custom', message: fault })
})

const redirect = z.union([
  location.transform((text) => ({ location: text, status: 308 })),
  z.strictObject({
    location: location.describe('An address or a path. `{path}` and `{query}` stand for what was asked for.'),
    status: z
      .literal([301, 302, 303, 307, 308], 'is not a redirect; write 301, 302, 303, 307 or 308')
      .default(308)
      .describe('308 is permanent and 307 for now; both keep the method.'),
  }),
])

const forward = z.strictObject({
  prefix: z
    .union(
      [z.enum(['keep', 'strip']), pathPattern],
      'is none of keep, strip, or a path; write one such as /v2',
    )
    .default('keep')
    .describe(
      'What becomes of the matched prefix: `keep`, `strip`, or another path in its place. `Location` and cookie paths follow.',
    ),
  host: z
    .string()
    .regex(
      /^([A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?$/,
      'is none of keep, target, or a host; write one such as app.internal',
    )
    .default('keep')
    .describe('Host that the upstream sees: `keep`, `target`, or a name.'),
})

const timeouts = z.strictObject({
  response: duration.prefault('60s').describe('From the request to the first byte of the response head.'),
  idle: duration.prefault('60s').describe('Without a byte in either direction, in a body or a tunnel.'),
})

export const route = z
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
    policies: policyBlock.default({}),
    middleware: z
      .array(middleware)
      .default([])
      .describe('Express middleware, run after the policies, for upgrades too.'),
    to: z.string().optional().describe('An upstream by name, `name/:param` for a keyed one, or an address.'),
    files: files
      .optional()
      .describe(
        'A folder to serve, the matched prefix removed, or one file for an `exact` path. Dot files are never served.',
      ),
    redirect: redirect
      .optional()
      .describe('Where to send clients. `{path}` and `{query}` stand for what they asked for.'),
    forward: forward.prefault({}).describe('What the upstream sees of the address that was asked for.'),
    timeouts: timeouts.prefault({}).describe('How long each step may take.'),
    minUploadRate: size
      .prefault('500B')
      .describe(
        'Bytes per second below which an upload is ended, averaged over ten seconds. Instead of a limit on the whole request.',
      ),
    accessLog: z
      .union([z.literal(false), filePath])
      .optional()
      .describe('A file of its own for this route, or `false` for none.'),
  })
  .superRefine((value, context) => {
    const ends = [value.to, value.files, value.redirect].filter((end) => end !== undefined).length
    if (ends === 1) return
    const message = ends === 0 ? 'goes nowhere' : 'goes to more than one place'
    context.addIssue({
      code: 'custom',
      message: `${message}; it needs exactly one of \`to\`, \`files\`, \`redirect\``,
    })
  })

export type RouteConfig = z.output<typeof route>

/** `a` and `[a]` mean the same. */
function oneOrMore<T extends z.ZodType>(item: T) {
  return z.union([item.transform((value) => [value]), z.array(item).min(1)])
}

function findLocationFault(text: string): string | undefined {
  const unknown = /\{[^}]*\}?|\}/.exec(text.replaceAll('{path}', '').replaceAll('{query}', ''))
  if (unknown) return 'holds braces that are neither {path} nor {query}; write one of these'
  if (!/^[\x21-\x7e]*$/.test(text)) return 'holds blanks or letters beyond ASCII; percent-encode them'
  // A browser reads a Location that starts with // or /\ as a host, so nobody could say where it leads.
  if (/^(\{path\}|\/(?![/\\])|https?:\/\/[^/?#\\@{}]+([/?#{]|$))/i.test(text)) return undefined
  return 'is neither a path nor an address; write one such as /new{path} or https://example.com{path}{query}'
}
