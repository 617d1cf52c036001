// biome-ignore-all lint/suspicious/noTemplateCurlyInString: placeholders of routes.yaml are the matter
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { tempFolder } from '../../test/harness/temp-folder.ts'
import { loadConfig } from './load.ts'
import { formatProblem } from './problem.ts'

/** A file without a mistake. Each row below spoils one thing, and says what is then told, to the letter. */
const good = `listeners:
  http: { port: 8080, redirect: https }
  https: { port: 8443 }
  lan: { port: 8000, address: 127.0.0.1 }
trustedProxies: [10.0.0.0/8]
upstreams:
  shop:
    targets: ["http://127.0.0.1:3000"]
    health: /health
  desk: { leased: true, keyed: true }
extensions:
  team: team.ts
  stamp: stamp.ts
defaults:
  policies:
    securityHeaders: true
routes:
  - name: shop
    match:
      host: shop.example
      path: [/api, /cart]
    listeners: [https, lan]
    policies:
      allow: [192.168.1.0/24, 127.0.0.1]
      rateLimit: { limit: 100, per: 1m }
      cors: { origins: ["https://app.example"] }
      team: { size: 3 }
    middleware:
      - use: stamp
    to: shop
    timeouts: { idle: 1h }
  - name: desk
    match: { path: "/desk/:key" }
    policies:
      jwt: { key: env:DESK_KEY, require: { desk: ":key" } }
      basicAuth: { users: users }
    to: desk/:key
  - name: pages
    files: pages
  - name: old
    match: { path: /old, exact: true }
    redirect: { location: "/new{path}", status: 301 }
`

const team = `
import { z } from ${JSON.stringify(import.meta.resolve('zod'))}
export default {
  kind: 'policy',
  options: z.strictObject({ size: z.int().min(1), name: z.string().refine((name) => name !== 'secret', { error: (issue) => 'refuses ' + issue.input }).optional() }),
  create: () => ({ decide: () => ({ verdict: 'pass' }) }),
}`
const stamp = `export default { kind: 'middleware', create: () => (request, response, next) => next() }`

const env = {
  DESK_KEY: 'a-key-of-some-length',
  EMPTY: '',
  WORD: 'hush-hush',
  NUMBER: '12',
  NET: '10.9/16',
  SECRET: 'secret',
}

/** What is replaced, by what, and every problem that is then told. */
type Row = [sentence: string, from: string, to: string, problems: string[]]

const rows: Row[] = [
  ['a good file has no problem', 'routes:', 'routes:', []],
  [
    'a listener without a port',
    'https: { port: 8443 }',
    'https: {}',
    ['3:3 listeners.https.port: is missing; write a whole number from 0 to 65535'],
  ],
  [
    'a port beyond the last',
    'port: 8443',
    'port: 84430',
    ['3:18 listeners.https.port: 84430 is not a port; write a whole number from 0 to 65535'],
  ],
  [
    'a port in quotes',
    'port: 8443',
    'port: "8443"',
    ['3:18 listeners.https.port: "8443" is not a port; write a whole number from 0 to 65535'],
  ],
  [
    'a port of the environment that is none',
    'port: 8443',
    'port: "${WORD}"',
    [
      '3:18 listeners.https.port: "${WORD}" is not a port, once the environment is filled in; write a whole number from 0 to 65535',
    ],
  ],
  [
    'two listeners on one port',
    'port: 8000, address: 127.0.0.1',
    'port: 8443',
    ['4:16 listeners.lan.port: 8443 is the port of `https` already; give each a port of its own'],
  ],
  [
    'the admin port is taken',
    'trustedProxies:',
    'admin: { port: 8000 }\ntrustedProxies:',
    ['5:16 admin.port: 8000 is the port of `lan` already; give each a port of its own'],
  ],
  [
    'a name to listen on',
    'address: 127.0.0.1',
    'address: myhost',
    ['4:31 listeners.lan.address: "myhost" is not an IP address; write 127.0.0.1, ::1, 0.0.0.0 or ::'],
  ],
  [
    'a redirect to nowhere',
    'redirect: https',
    'redirect: htps',
    ['2:33 listeners.http.redirect: "htps" is not a listener; did you mean "https"?'],
  ],
  [
    'a redirect to a plain listener',
    'redirect: https',
    'redirect: lan',
    ['2:33 listeners.http.redirect: "lan" is a listener without TLS; add `tls: true` to listeners.lan'],
  ],
  [
    'a redirect to itself',
    'redirect: https',
    'redirect: http',
    ['2:33 listeners.http.redirect: "http" is this listener itself, so clients would go round for ever'],
  ],
  [
    'client certificates without TLS',
    'lan: { port: 8000',
    'lan: { clientCertificates: { ca: users }, port: 8000',
    [
      '4:10 listeners.lan.clientCertificates: asks for certificates on a listener without TLS; add `tls: true`',
    ],
  ],
  [
    'an authority that is not there',
    'https: { port: 8443 }',
    'https: { port: 8443, clientCertificates: { ca: ca.pem } }',
    [
      '3:50 listeners.https.clientCertificates.ca: "ca.pem" is not there; paths start at the folder of this file',
    ],
  ],
  [
    'a certificate that is not there',
    'trustedProxies:',
    'tls: { certificates: [{ cert: a.pem, key: a.key }] }\ntrustedProxies:',
    [
      '5:31 tls.certificates[0].cert: "a.pem" is not there; paths start at the folder of this file',
      '5:43 tls.certificates[0].key: "a.key" is not there; paths start at the folder of this file',
    ],
  ],
  [
    'a certificate that is none',
    'trustedProxies:',
    'tls: { certificates: [{ cert: users, key: users }] }\ntrustedProxies:',
    [
      '5:31 tls.certificates[0].cert: "users" is not a certificate in PEM form; write the file with the chain',
      '5:43 tls.certificates[0].key: "users" is not a private key in PEM form without a passphrase; write the file with the key',
    ],
  ],
  [
    'an admin address that others reach',
    'trustedProxies:',
    'admin: { address: 0.0.0.0 }\ntrustedProxies:',
    ['5:19 admin.address: "0.0.0.0" is not a loopback address; write 127.0.0.1, or give a `socket`'],
  ],
  [
    'a network with too few parts',
    '10.0.0.0/8',
    '10.0.0/8',
    ['5:18 trustedProxies[0]: "10.0.0/8" is not an address or CIDR; did you mean "10.0.0.0/8"?'],
  ],
  [
    'a network of the environment is not told',
    '10.0.0.0/8',
    '"${NET}"',
    ['5:18 trustedProxies[0]: "${NET}" is not an address or CIDR, once the environment is filled in'],
  ],
  [
    'a network of an impossible size',
    '10.0.0.0/8',
    '10.0.0.0/40',
    ['5:18 trustedProxies[0]: "10.0.0.0/40" has a prefix length outside 0 to 32'],
  ],
  [
    'a lone address where a list belongs',
    'allow: [192.168.1.0/24, 127.0.0.1]',
    'allow: 192.168.1.20',
    [
      '24:14 routes[0].policies.allow: "192.168.1.20" is neither a list nor a block of keys; put it in brackets: [192.168.1.20]',
    ],
  ],
  [
    'a misspelt key at the top',
    'trustedProxies',
    'trustedProxys',
    ['5:1 trustedProxys: "trustedProxys" is not a key of this block; did you mean "trustedProxies"?'],
  ],
  [
    'a misspelt key in a listener',
    'redirect: https',
    'redirct: https',
    ['2:23 listeners.http.redirct: "redirct" is not a key of this block; did you mean "redirect"?'],
  ],
  [
    'a misspelt key in a route',
    'timeouts:',
    'timeout:',
    ['31:5 routes[0].timeout: "timeout" is not a key of this block; did you mean "timeouts"?'],
  ],
  [
    'a key that resembles nothing',
    'timeouts: { idle: 1h }',
    'zzz: 1',
    [
      '31:5 routes[0].zzz: "zzz" is not a key of this block; there is name, match, listeners, policies, middleware, to, files, redirect, forward, timeouts, minUploadRate and accessLog',
    ],
  ],
  [
    'a listener with a blank in its name',
    'lan: {',
    '"my lan": {',
    [
      '4:3 listeners["my lan"]: "my lan" is not a name; write letters, digits, - and _, starting with a letter',
      '22:24 routes[0].listeners[1]: "lan" is not a listener; there is http, https and my lan',
    ],
  ],
  [
    'an upstream with nothing behind it',
    'targets: ["http://127.0.0.1:3000"]',
    'targets: []',
    [
      '7:3 upstreams.shop: has no `targets` and is not `leased`, so nothing could ever be there; add one of the two',
    ],
  ],
  [
    'a keyed upstream without leases',
    'leased: true, keyed: true',
    'targets: ["http://10.0.0.1"], keyed: true',
    ['10:3 upstreams.desk: is `keyed` and not `leased`, so nothing could fill its pools; add `leased: true`'],
  ],
  [
    'a target without a scheme',
    'http://127.0.0.1:3000',
    '127.0.0.1:3000',
    ['8:15 upstreams.shop.targets[0]: "127.0.0.1:3000" has no scheme; did you mean "http://127.0.0.1:3000"?'],
  ],
  [
    'a target with a path',
    'http://127.0.0.1:3000',
    'http://127.0.0.1:3000/app',
    [
      '8:15 upstreams.shop.targets[0]: "http://127.0.0.1:3000/app" has a path, and a target is a host and a port; give the path to `forward.prefix`',
    ],
  ],
  [
    'a target with a password',
    'http://127.0.0.1:3000',
    'http://me:pw@127.0.0.1:3000',
    [
      '8:15 upstreams.shop.targets[0]: "http://me:pw@127.0.0.1:3000" holds a name or password; leave it out, and set a field with `policies.headers` if the upstream asks',
    ],
  ],
  [
    'a WebSocket target',
    'http://127.0.0.1:3000',
    'ws://127.0.0.1:3000',
    [
      '8:15 upstreams.shop.targets[0]: "ws://127.0.0.1:3000" is not an address; WebSockets go to http:// and https:// addresses like any request',
    ],
  ],
  [
    'a health path without its slash',
    'health: /health',
    'health: health',
    ['9:13 upstreams.shop.health: "health" is not a path; write one such as /health'],
  ],
  [
    'a route to an unknown upstream',
    'to: shop',
    'to: shpo',
    ['30:9 routes[0].to: "shpo" names no upstream; did you mean "shop"?'],
  ],
  [
    'a route to an address without a scheme',
    'to: shop',
    'to: localhost:3000',
    ['30:9 routes[0].to: "localhost:3000" has no scheme; did you mean "http://localhost:3000"?'],
  ],
  [
    'a route to a keyed upstream without a key',
    'to: desk/:key',
    'to: desk',
    ['37:9 routes[1].to: "desk" leads to an upstream with one pool per key; say which, such as desk/:key'],
  ],
  [
    'a route with a key to an upstream without',
    'to: shop',
    'to: shop/:key',
    [
      '30:9 routes[0].to: "shop/:key" has a key, and the upstream is not keyed; write shop, or add `keyed: true` to upstreams.shop',
    ],
  ],
  [
    'a key that the path lacks',
    'to: desk/:key',
    'to: desk/:kez',
    [
      '37:9 routes[1].to: "desk/:kez" names a parameter that the path of this route lacks; did you mean ":key"?',
    ],
  ],
  [
    'a key that one of the paths lacks',
    'path: "/desk/:key"',
    'path: ["/desk/:key", /desk]',
    [
      '35:50 routes[1].policies.jwt.require.desk: ":key" names a parameter that one of the paths of this route lacks; add it to each of them',
      '37:9 routes[1].to: "desk/:key" names a parameter that one of the paths of this route lacks; add it to each of them',
    ],
  ],
  [
    'a route that goes nowhere',
    '    to: shop\n',
    '',
    ['18:5 routes[0]: goes nowhere; it needs exactly one of `to`, `files`, `redirect`'],
  ],
  [
    'a route that goes to two places',
    '    files: pages',
    '    files: pages\n    to: shop',
    ['38:5 routes[2]: goes to more than one place; it needs exactly one of `to`, `files`, `redirect`'],
  ],
  [
    'two routes of one name',
    'name: pages',
    'name: shop',
    ['38:11 routes[2].name: "shop" is the name of the route on line 18 already; give each a name of its own'],
  ],
  [
    'a route without a name',
    '- name: pages\n    files: pages',
    '- files: pages',
    ['38:5 routes[2].name: is missing; write text'],
  ],
  [
    'an unknown listener',
    'listeners: [https, lan]',
    'listeners: [https, lna]',
    ['22:24 routes[0].listeners[1]: "lna" is not a listener; there is http, https and lan'],
  ],
  [
    'a host with a scheme',
    'host: shop.example',
    'host: https://shop.example/x',
    [
      '20:13 routes[0].match.host: "https://shop.example/x" is more than a host, which has no scheme, port or path; did you mean "shop.example"?',
    ],
  ],
  [
    'a host with a star inside',
    'host: shop.example',
    'host: "shop.*.example"',
    [
      '20:13 routes[0].match.host: "shop.*.example" has a `*` that is not the whole first label; write *.example.com',
    ],
  ],
  [
    'a path without its slash',
    'path: [/api, /cart]',
    'path: [api, /cart]',
    ['21:14 routes[0].match.path[0]: "api" does not start with /; did you mean "/api"?'],
  ],
  [
    'a path with a star',
    '/cart]',
    '/cart/*]',
    [
      '21:20 routes[0].match.path[1]: "/cart/*" holds a `*`, which stands for nothing: a path is a prefix that ends at a segment; did you mean "/cart"?',
    ],
  ],
  [
    'a path with a star in a segment',
    '/cart]',
    '/ca-*]',
    [
      '21:20 routes[0].match.path[1]: "/ca-*" holds a `*`, which stands for nothing: a path is a prefix that ends at a segment; write whole segments, `:name` for one that varies',
    ],
  ],
  [
    'a path with a query',
    '/cart]',
    '"/cart?x"]',
    [
      '21:20 routes[0].match.path[1]: "/cart?x" holds a query or fragment; only the path is matched, so leave it out',
    ],
  ],
  [
    'a path with an empty segment',
    '/cart]',
    '/cart//x]',
    ['21:20 routes[0].match.path[1]: "/cart//x" holds an empty segment; did you mean "/cart/x"?'],
  ],
  [
    'a path with one parameter twice',
    '/cart]',
    '"/:a/:a"]',
    ['21:20 routes[0].match.path[1]: "/:a/:a" has the same parameter twice; give each a name of its own'],
  ],
  [
    'an unknown policy',
    'rateLimit:',
    'rateLimits:',
    ['25:7 routes[0].policies.rateLimits: there is no policy "rateLimits"; did you mean "rateLimit"?'],
  ],
  [
    'middleware among the policies',
    'team: { size: 3 }',
    'stamp: true',
    ['27:7 routes[0].policies.stamp: "stamp" is Express middleware; write `middleware: [{ use: stamp }]`'],
  ],
  [
    'a policy among the middleware',
    '- use: stamp',
    '- use: team',
    ['29:14 routes[0].middleware[0].use: "team" is a policy and no middleware; write it under `policies`'],
  ],
  [
    'unknown middleware',
    '- use: stamp',
    '- use: stomp',
    ['29:14 routes[0].middleware[0].use: "stomp" is not an extension; did you mean "stamp"?'],
  ],
  [
    'a mistake in the options of an extension',
    'team: { size: 3 }',
    'team: { size: 0 }',
    ['27:21 routes[0].policies.team.size: 0 is too small; the least is 1'],
  ],
  [
    'a misspelt option of an extension',
    'team: { size: 3 }',
    'team: { size: 3, nane: x }',
    ['27:24 routes[0].policies.team.nane: "nane" is not a key of this block; did you mean "name"?'],
  ],
  [
    'an extension that tells what it was given',
    'team: { size: 3 }',
    'team: { size: 3, name: "${SECRET}" }',
    ['27:30 routes[0].policies.team.name: "${SECRET}" refuses …, once the environment is filled in'],
  ],
  [
    'a mode of an extension that is none',
    'team: { size: 3 }',
    'team: { size: 3, mode: watch }',
    ['27:30 routes[0].policies.team.mode: "watch" is neither enforce nor observe'],
  ],
  [
    'an extension with the name of a policy',
    '  team: team.ts',
    '  team: team.ts\n  jwt: team.ts',
    ['13:3 extensions.jwt: "jwt" is the name of a built-in policy; give the extension a name of its own'],
  ],
  [
    'a duration without a unit',
    'per: 1m',
    'per: 60',
    [
      '25:37 routes[0].policies.rateLimit.per: 60 is not a duration; write a number and a unit, such as 250ms, 90s, 10m, 1h or 7d',
    ],
  ],
  [
    'a duration with an unknown unit',
    'per: 1m',
    'per: 1 minute',
    [
      '25:37 routes[0].policies.rateLimit.per: "1 minute" is not a duration; write a number and a unit, such as 250ms, 90s, 10m, 1h or 7d',
    ],
  ],
  [
    'a limit below one',
    'limit: 100',
    'limit: 0',
    ['25:27 routes[0].policies.rateLimit.limit: 0 is too small; the least is 1'],
  ],
  [
    'a limit that is missing',
    'rateLimit: { limit: 100, per: 1m }',
    'rateLimit: { per: 1m }',
    ['25:7 routes[0].policies.rateLimit.limit: is missing; write a number'],
  ],
  [
    'a policy with the wrong kind of value',
    'rateLimit: { limit: 100, per: 1m }',
    'rateLimit: 100',
    ['25:18 routes[0].policies.rateLimit: 100 is not a block of keys'],
  ],
  [
    'a policy that is left empty',
    'rateLimit: { limit: 100, per: 1m }',
    'rateLimit:',
    ['25:7 routes[0].policies.rateLimit: is empty; write a block of keys'],
  ],
  [
    'an origin with a path',
    'https://app.example"',
    'https://app.example/"',
    [
      '26:25 routes[0].policies.cors.origins[0]: "https://app.example/" is not an origin; write scheme and host alone, such as https://app.example.com',
    ],
  ],
  [
    'credentials for every origin',
    'origins: ["https://app.example"]',
    'origins: ["*"], credentials: true',
    [
      '26:7 routes[0].policies.cors: lets every site act with the cookies of its visitors; name the `origins`, or leave out `credentials`',
    ],
  ],
  [
    'a token without a key',
    'key: env:DESK_KEY, ',
    '',
    ['35:7 routes[1].policies.jwt: needs either `key` or `jwks`; write exactly one of them'],
  ],
  [
    'a key in a variable that is not set',
    'env:DESK_KEY',
    'env:DESK_KEI',
    [
      '35:19 routes[1].policies.jwt.key: "env:DESK_KEI" names an environment variable that is not set; set it',
    ],
  ],
  [
    'a claim compared with a parameter that the path lacks',
    '{ desk: ":key" }',
    '{ desk: ":user" }',
    [
      '35:50 routes[1].policies.jwt.require.desk: ":user" names a parameter that the path of this route lacks; there is :key',
    ],
  ],
  [
    'an unknown algorithm',
    'require: { desk: ":key" }',
    'algorithms: [none]',
    [
      '35:46 routes[1].policies.jwt.algorithms[0]: "none" is none of HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512 or EdDSA',
    ],
  ],
  [
    'a users file that is not there',
    'users: users',
    'users: passwords',
    [
      '36:27 routes[1].policies.basicAuth.users: "passwords" is not there; gatehouse hash NAME --file FILE makes one',
    ],
  ],
  [
    'a folder that is not there',
    'files: pages',
    'files: page',
    ['39:12 routes[2].files: "page" is not there; paths start at the folder of this file'],
  ],
  [
    'a file where a folder belongs',
    'files: pages',
    'files: users',
    ['39:12 routes[2].files: "users" is not a folder'],
  ],
  [
    'a status that redirects nobody',
    'status: 301',
    'status: 200',
    ['42:49 routes[3].redirect.status: 200 is not a redirect; write 301, 302, 303, 307 or 308'],
  ],
  [
    'a redirect with a placeholder that is none',
    '/new{path}',
    '/new{uri}',
    [
      '42:27 routes[3].redirect.location: "/new{uri}" holds braces that are neither {path} nor {query}; write one of these',
    ],
  ],
  [
    'a redirect that a browser reads as a host',
    '/new{path}',
    '//new.example',
    [
      '42:27 routes[3].redirect.location: "//new.example" is neither a path nor an address; write one such as /new{path} or https://example.com{path}{query}',
    ],
  ],
  [
    'yes for true',
    'exact: true',
    'exact: yes',
    ['41:33 routes[3].match.exact: "yes" is not true or false; write true'],
  ],
  [
    'a mistake in the defaults',
    'securityHeaders: true',
    'securityHeaders: { frame: never }',
    ['16:31 defaults.policies.securityHeaders.frame: "never" is none of deny, same-origin or any'],
  ],
  [
    'a default that is no policy',
    'securityHeaders: true',
    'securityHeader: true',
    [
      '16:5 defaults.policies.securityHeader: there is no policy "securityHeader"; did you mean "securityHeaders"?',
    ],
  ],
  [
    'a form that is left out with a bad entry',
    'securityHeaders: true',
    'compress: yes',
    ['16:15 defaults.policies.compress: "yes" is neither true nor a block of keys'],
  ],
  [
    'a field that frames messages',
    'securityHeaders: true',
    'headers: { response: { set: { Content-Length: "0" } } }',
    [
      '16:35 defaults.policies.headers.response.set.Content-Length: "Content-Length" belongs to the connection, and the proxy itself keeps it; leave it out',
    ],
  ],
  [
    'a variable that is not set',
    'host: shop.example',
    'host: "${SHOP_HOST}"',
    [
      '20:13 routes[0].match.host: needs the environment variable SHOP_HOST, which is not set; set it, or write "${SHOP_HOST:-default}"',
    ],
  ],
  [
    'a variable with a name that is none',
    'host: shop.example',
    'host: "${SHOP-HOST}.example"',
    [
      '20:13 routes[0].match.host: holds "${SHOP-HOST}", which is no ${NAME}; write ${NAME}, ${NAME:-default}, or $${ for a plain ${',
    ],
  ],
  [
    'a placeholder that does not end',
    'host: shop.example',
    'host: "${SHOP"',
    [
      '20:13 routes[0].match.host: holds "${", which is no ${NAME}; write ${NAME}, ${NAME:-default}, or $${ for a plain ${',
    ],
  ],
  [
    'an unquoted placeholder within braces',
    'port: 8443',
    'port: ${PORT:-1}',
    ['3:19 is not YAML: Unexpected flow-map-start at node end; inside { } and [ ], put ${…} in quotes'],
  ],
  [
    'a key that stands twice',
    '    to: shop\n',
    '    to: shop\n    to: desk/:key\n',
    ['31:5 routes[0].to: "to" stands twice in one block; remove one of them'],
  ],
  [
    'a merge key',
    '    to: shop\n',
    '    to: shop\n    <<: { exact: true }\n',
    ['31:5 routes[0]["<<"]: `<<` is not merged here; write the keys out, or use `defaults`'],
  ],
  [
    'a tab',
    '  desk: {',
    '\tdesk: {',
    ['10:1 is not YAML: Tabs are not allowed as indentation; indent with blanks'],
  ],
  [
    'a quote that is not closed',
    'host: shop.example',
    'host: "shop.example',
    ['20:13 is not YAML: this " is not closed; write " at its end'],
  ],
  [
    'a tag',
    'host: shop.example',
    'host: !secret shop.example',
    ['20:13 is not YAML: Unresolved tag: !secret; remove the tag'],
  ],
  [
    'an alias of nothing',
    'host: shop.example',
    'host: *shop',
    ['20:13 routes[0].match.host: uses *shop, and nothing above is marked &shop'],
  ],
  [
    'a wildcard without quotes, which YAML takes for an alias',
    'host: shop.example',
    'host: *.shop.example',
    [
      '20:13 routes[0].match.host: uses *.shop.example, and nothing above is marked &.shop.example; put it in quotes: "*.shop.example"',
    ],
  ],
  [
    'a star without quotes',
    'host: shop.example',
    'host: *',
    ['20:13 is not YAML: Alias cannot be an empty string; put the value in quotes'],
  ],
  [
    'a key that begins before the others of its block',
    '    to: shop\n',
    '   to: shop\n',
    ['30:1 is not YAML: Sequence item without - indicator; begin it exactly below the key before it'],
  ],
  [
    'a brace that holds a block',
    'stamp: stamp.ts\n',
    'stamp: {\n    a:\n      - b\n',
    ['13:10 is not YAML: this { is not closed; write } at its end'],
  ],
  [
    'a quote that goes on to where another was to begin',
    'idle: 1h }\n',
    'idle: 1h }\n    accessLog: "\n    forward:\n      prefix: "[x]"\n',
    ['32:16 is not YAML: this " is not closed; write " at its end'],
  ],
  [
    'a program and an authority that are not there',
    'routes:\n',
    'tls: { automatic: { email: a@b.example, ca: ca.pem, dns: { hook: ./hook } } }\nroutes:\n',
    [
      '17:45 tls.automatic.ca: "ca.pem" is not there; paths start at the folder of this file',
      '17:66 tls.automatic.dns.hook: "./hook" is not there; paths start at the folder of this file',
    ],
  ],
  [
    'a program that may not be run',
    'routes:\n',
    'tls: { automatic: { email: a@b.example, dns: { hook: users } } }\nroutes:\n',
    ['17:54 tls.automatic.dns.hook: "users" is a program that may not be run; give this user the right to'],
  ],
  [
    'a path with blanks to ask targets for',
    'health: /health',
    'health: /health ]',
    ['9:13 upstreams.shop.health: "/health ]" holds blanks or letters beyond ASCII; percent-encode them'],
  ],
  [
    'a field of CORS that is none',
    'origins: ["https://app.example"] }',
    'origins: ["https://app.example"], expose: ["X Count"] }',
    ['26:58 routes[0].policies.cors.expose[0]: "X Count" is not a field name; write one such as X-Team'],
  ],
  [
    'a window that no clock can hold',
    'per: 1m',
    'per: 25d',
    ['25:37 routes[0].policies.rateLimit.per: "25d" is longer than 24d; write 24d or less'],
  ],
  [
    'an alias of itself',
    'path: [/api, /cart]',
    'path: &p [*p]',
    ['21:17 routes[0].match.path[0]: holds itself; write it out'],
  ],
  [
    'a list where a block belongs',
    'upstreams:\n',
    'upstreams: []\nx-old:\n',
    [
      '6:1 upstreams: is a list and not a block of keys',
      '7:1 x-old: "x-old" is not a key of this block; there is listeners, tls, trustedProxies, upstreams, extensions, defaults, routes, accessLog, admin, redis, tracing, workers and limits',
    ],
  ],
  ['no routes at all', good, '', ['1:1 is empty; it needs `listeners` and `routes`']],
]

test('each mistake is told once, at its place, with its mend', async (t) => {
  const folder = await tempFolder(t)
  mkdirSync(`${folder}/pages`)
  for (const [name, text] of Object.entries({ 'team.ts': team, 'stamp.ts': stamp, users: 'ann:x\n' }))
    writeFileSync(`${folder}/${name}`, text)
  for (const [sentence, from, to, problems] of rows) {
    await t.test(sentence, async () => {
      assert.ok(good.includes(from), `the good file has ${from}`)
      const text = good.replace(from, () => to)
      const result = await loadConfig({ file: `${folder}/r.yaml`, text, env })
      const told = result.ok ? [...result.warnings] : result.problems
      const lines = told.map((problem) => formatProblem(problem).replace(`${folder}/r.yaml:`, ''))
      assert.deepEqual(lines, problems)
    })
  }
})
