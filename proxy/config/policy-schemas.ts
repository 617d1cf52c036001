import { z } from 'zod'
import { fieldName, filePath, pathPattern, secret, webAddress } from './patterns.ts'
import { duration, network, size } from './units.ts'

/**
 * The options of every built-in policy: one block each, one row each at the foot. A row here without a row in
 * `request/policies/index.ts`, or the other way about, does not compile.
 */

const mode = z
  .enum(['enforce', 'observe'])
  .default('enforce')
  .describe('`observe` counts and logs what would be refused, and lets it pass.')

const maintenance = short(
  z.boolean(),
  (on) => ({ on }),
  z.strictObject({
    on: z.boolean().default(true).describe('Whether the route is closed.'),
    allow: z.array(network).default([]).describe('Networks that may pass while it is closed.'),
    retryAfter: duration.prefault('5m').describe('Tells clients when to come back.'),
    message: z.string().optional().describe('Shown on the page.'),
    mode,
  }),
).describe('Closes the route with 503 and a page, except for some networks.')

const method = z
  .string()
  .toUpperCase()
  .regex(/^[A-Za-z-]+$/, 'is not a method; write one such as GET')

const methods = short(
  z.array(method).min(1),
  (allow) => ({ allow }),
  z.strictObject({
    allow: z.array(method).min(1).describe('The methods that pass.'),
    mode,
  }),
).describe(
  'Passes these methods and answers 405 to the rest, also where a field such as `X-HTTP-Method-Override` names one. `GET` lets `HEAD` pass.',
)

const networks = short(
  z.array(network).min(1),
  (list) => ({ networks: list }),
  z.strictObject({
    networks: z.array(network).min(1).describe('Addresses and networks (CIDR), IPv4 and IPv6.'),
    mode,
  }),
)
const allow = networks.describe('Passes these addresses and networks, and answers 403 to the rest.')
const denyNetworks = networks.describe('Answers 403 to these addresses and networks. It beats `allow`.')

const cors = z
  .strictObject({
    origins: z
      .array(
        z
          .string()
          .regex(
            /^(\*|[a-z][a-z0-9+.-]*:\/\/(\*\.)?([A-Za-z0-9_.-]+|\[[0-9a-f:.]+\])(:\d{1,5})?)$/,
            'is not an origin; write scheme and host alone, such as https://app.example.com',
          ),
      )
      .min(1)
      .describe(
        'Origins, such as `https://app.example.com`; `https://*.example.com` for a label; `*` for all.',
      ),
    methods: z
      .array(method)
      .default(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'])
      .describe('Methods that a preflight grants.'),
    headers: z
      .array(fieldName)
      .default([])
      .describe('Request fields that a preflight grants. Empty: those that were asked for.'),
    expose: z.array(fieldName).default([]).describe('Response fields that scripts may read.'),
    credentials: z
      .boolean()
      .default(false)
      .describe('Whether cookies and authorization may be sent. Not with origin `*`.'),
    maxAge: duration.prefault('10m').describe('How long a preflight is remembered.'),
    mode,
  })
  .refine(
    (options) => !(options.credentials && options.origins.includes('*')),
    'lets every site act with the cookies of its visitors; name the `origins`, or leave out `credentials`',
  )
  .describe(
    'Cross-origin requests: answers preflights, names the allowed origins, and refuses WebSockets from others.',
  )

/** setInterval, by which counts are cleared, takes no more. In milliseconds. */
const longestWindow = 24 * 86_400_000

const rateLimit = z
  .strictObject({
    limit: z.int().min(1).describe('Requests per window, counted over all workers together.'),
    per: duration
      .prefault('1m')
      .refine((window) => window <= longestWindow, 'is longer than 24d; write 24d or less')
      .describe('Length of the window.'),
    by: z
      .string()
      .regex(
        /^(client|route|header:[A-Za-z0-9-]+|claim:[A-Za-z0-9_.-]+)$/,
        'is none of client, route, header:NAME, claim:NAME; write one of these',
      )
      .default('client')
      .describe(
        '`client` (address; an IPv6 /64 counts as one), `route`, `header:NAME`, or `claim:NAME` of the verified token.',
      ),
    mode,
  })
  .describe('Answers 429 with Retry-After past the limit, and tells the count in RateLimit fields.')

const maxBody = short(
  // As written: the long form makes bytes of it.
  size.in,
  (written) => ({ size: written }),
  z.strictObject({ size: size.describe('The most that is relayed.'), mode }),
).describe('Answers 413 to a larger request body, declared or streamed.')

const basicAuth = z
  .strictObject({
    users: filePath.describe(
      'An htpasswd file: bcrypt, argon2id, scrypt, apr1 or SHA. `gatehouse hash` makes a line.',
    ),
    realm: z
      .string()
      .regex(
        /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/,
        'holds quotes, backslashes or letters beyond ASCII; remove them',
      )
      .default('Restricted')
      .describe('Shown by the browser.'),
    mode,
  })
  .describe('Asks for a name and a password.')

const jwt = z
  .strictObject({
    key: secret
      .optional()
      .describe('Key: a PEM or JWK file, or `env:NAME`. An HMAC secret has at least 32 bytes.'),
    jwks: webAddress.optional().describe('Address of a JWK Set, fetched and rotated.'),
    algorithms: z
      .array(
        z.enum([
          'HS256',
          'HS384',
          'HS512',
          'RS256',
          'RS384',
          'RS512',
          'PS256',
          'PS384',
          'PS512',
          'ES256',
          'ES384',
          'ES512',
          'EdDSA',
        ]),
      )
      .optional()
      .describe('What the signature may be. Default: what fits the key. `none` is never accepted.'),
    issuer: z.string().optional().describe('Required `iss`.'),
    audience: z.string().optional().describe('Required `aud`.'),
    require: z
      .record(z.string(), z.union([z.string(), z.number(), z.boolean()]))
      .default({})
      .describe('Claims and their values; `":name"` is the value of that path parameter.'),
    cookie: fieldName.optional().describe('Also read the token from this cookie.'),
    subprotocol: z
      .boolean()
      .default(false)
      .describe('Also read it from `Sec-WebSocket-Protocol: bearer, TOKEN`, which browsers can send.'),
    clockTolerance: duration.prefault('5s').describe('Allowed clock difference.'),
    revoked: filePath
      .optional()
      .describe(
        'A file with an id in each line: tokens of that `jti` or session (`sid`) are refused. It need not exist yet.',
      ),
    login: z
      .string()
      .regex(
        /^(\/(?![/\\])|https?:\/\/[^/#])[\x21\x22\x24-\x7e]*$/,
        'is neither a path nor an address; write one such as /login',
      )
      .optional()
      .describe('Where a browser without a valid token is sent. Programs get 401.'),
    mode,
  })
  .refine(
    (options) => (options.key === undefined) !== (options.jwks === undefined),
    'needs either `key` or `jwks`; write exactly one of them',
  )
  .describe('Asks for a signed token.')

const forwardAuth = z
  .strictObject({
    url: webAddress.describe(
      'Asked with GET and X-Forwarded-Method, -Proto, -Host, -Uri, -For; 2xx lets pass.',
    ),
    requestHeaders: z
      .array(fieldName)
      .default(['authorization', 'cookie'])
      .describe('Fields of the request that are shown to it.'),
    responseHeaders: z
      .array(fieldName)
      .default([])
      .describe(
        'Fields of its answer that are passed to the upstream, such as Remote-User. Always removed from what clients send.',
      ),
    timeout: duration.prefault('5s').describe('After this the request is refused.'),
    mode,
  })
  .describe('Asks another service whether a request may pass.')

const cspDirective = z
  .string()
  .regex(
    /^[a-z]([A-Za-z0-9-]*[A-Za-z0-9])?$/,
    'is not the name of a directive; write one such as default-src',
  )

/** What stands without quotes is the name of a host: `self` would be one that is called so. */
const cspSource = z
  .string()
  .regex(/^[^;,]*$/, 'holds a `;` or `,`, which would end the directive; write each source by itself')
  .refine(
    (text) =>
      !/^(none|self|strict-dynamic|report-sample|inline-speculation-rules|unsafe-(inline|eval|hashes)|wasm-unsafe-eval|(nonce|sha256|sha384|sha512)-.*)$/.test(
        text,
      ),
    'is a word that browsers know with single quotes alone; write one such as "\'self\'"',
  )

const securityHeaders = short(
  z.literal(true),
  () => ({}),
  z.strictObject({
    contentSecurityPolicy: z
      .union([z.literal(false), z.record(cspDirective, z.array(cspSource))])
      .optional()
      .describe("CSP directives in helmet's form; `false` for none."),
    frame: z
      .enum(['deny', 'same-origin', 'any'])
      .default('same-origin')
      .describe('Who may frame these pages.'),
    hsts: z
      .union([
        z.literal(false),
        z.strictObject({
          maxAge: duration.prefault('365d'),
          includeSubDomains: z.boolean().default(true),
          preload: z.boolean().default(false),
        }),
      ])
      .prefault({})
      .describe('Strict-Transport-Security, on encrypted listeners only.'),
    crossOrigin: z
      .enum(['isolate', 'same-site', 'any'])
      .default('same-site')
      .describe('Cross-Origin-*-Policy: `any` lets other sites embed, `isolate` also sets COEP.'),
    permissionsPolicy: z
      .record(
        z.string().regex(/^[a-z-]+$/, 'is not the name of a browser feature, such as camera'),
        z.array(
          z
            .string()
            .regex(
              /^(self|\*|https?:\/\/[^\s"\\/]+)$/,
              'is not `self`, `*` or an origin, such as https://app.example.com',
            ),
        ),
      )
      .optional()
      .describe(
        'Who may use which feature of the browser: `{ camera: [], geolocation: [self] }` denies the camera to all.',
      ),
    override: z.boolean().default(true).describe('Whether ours replace what the upstream sent.'),
    mode: z.literal('enforce').default('enforce'),
  }),
).describe('Security fields by helmet on every response.')

const cache = z
  .strictObject({
    rules: z
      .array(
        z.strictObject({
          path: pathPattern
            .default('/')
            .describe('Path prefix, written whole as in `match.path`; it ends at a segment.'),
          extensions: z
            .array(z.string().regex(/^\w+$/, 'is not a file extension; write it without a dot, such as css'))
            .optional()
            .describe('Only these file extensions.'),
          maxAge: duration.describe('`max-age`, and `Expires`.'),
          immutable: z.boolean().default(false),
          visibility: z.enum(['public', 'private']).default('public'),
        }),
      )
      .min(1)
      .describe('The first that fits sets Cache-Control and Expires on a 200, 203, 206, 301 or 304.'),
    override: z.boolean().default(false).describe('Whether it replaces what the upstream said.'),
    mode: z.literal('enforce').default('enforce'),
  })
  .describe('Tells browsers how long they may keep responses.')

const compress = short(
  z.literal(true),
  () => ({}),
  z.strictObject({
    codings: z
      .array(z.enum(['zstd', 'br', 'gzip']))
      .min(1)
      .default(['zstd', 'br', 'gzip'])
      .describe('In order of preference.'),
    minSize: size.prefault('1KB').describe('Smaller bodies stay as they are.'),
    mode: z.literal('enforce').default('enforce'),
  }),
).describe(
  'Compresses text, never a stream that must flow, never what is compressed, ranged or marked no-transform.',
)

/** Whoever edits how a message is framed makes two readers disagree about where it ends. */
export const editable = fieldName.refine(
  (field) =>
    !/^(content-length|transfer-encoding|trailer|connection|keep-alive|proxy-.*|http2-settings|te|upgrade|expect|sec-websocket-.*)$/i.test(
      field,
    ),
  'belongs to the connection, and the proxy itself keeps it; leave it out',
)
const fieldMap = z.record(
  editable,
  z
    .string('is not text; put the value in quotes')
    .regex(/^[\t\x20-\x7e\x80-\xff]*$/, 'holds what no field may hold, such as a line break; remove it'),
)
const edit = z.strictObject({
  set: fieldMap.default({}).describe('Replaces the field.'),
  add: fieldMap.default({}).describe('Adds one more.'),
  remove: z.array(editable).default([]).describe('Removes every one.'),
})
const headers = z
  .strictObject({
    request: edit.prefault({}).describe('On the way to the upstream.'),
    response: edit.prefault({}).describe('On the way to the client.'),
    mode: z.literal('enforce').default('enforce'),
  })
  .describe('Sets, adds and removes fields.')

/** The YAML key of each policy and its options, in the order in which policies are asked: what costs nothing first. */
export const policySchemas = {
  maintenance,
  deny: denyNetworks,
  allow,
  cors,
  methods,
  rateLimit,
  maxBody,
  basicAuth,
  jwt,
  forwardAuth,
  securityHeaders,
  headers,
  cache,
  compress,
} as const

export type PolicyName = keyof typeof policySchemas
export type PolicyOptions<Name extends PolicyName> = z.output<(typeof policySchemas)[Name]>

/** A policy with a short form: `allow: [10.0.0.0/8]` besides `allow: { networks: [10.0.0.0/8], mode: observe }`. */
function short<Short extends z.ZodType, Long extends z.ZodType>(
  shortForm: Short,
  expand: (value: z.output<Short>) => unknown,
  long: Long,
) {
  return z.union([shortForm.transform((value) => long.parse(expand(value)) as z.output<Long>), long])
}
