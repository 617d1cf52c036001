import assert from 'node:assert/strict'
import { test } from 'node:test'
import { importApache } from './apache.ts'
import { importCaddyfile } from './caddyfile.ts'
import { applyAccess } from './guards.ts'
import type { Imported } from './imported.ts'
import { importNginx } from './nginx.ts'
import { importTraefik } from './traefik.ts'

/** A guard that was lost on the way would open what the other proxy kept closed, and nobody would notice. */

const nginx = (rules: string) => importNginx(`server { server_name a.test; ${rules} }`)
const apache = (rules: string) =>
  importApache(
    `<VirtualHost *:80>\nServerName a.test\nProxyPass / http://127.0.0.1:1/\n${rules}\n</VirtualHost>`,
  )
const caddy = (rules: string) => importCaddyfile(`a.test {\n${rules}\nreverse_proxy 127.0.0.1:1\n}`)
/** Only what is written, with no proxy behind it. */
const caddyOnly = (rules: string) => importCaddyfile(`a.test {\n${rules}\n}`)
const traefik = (middleware: string) =>
  importTraefik(`http:
  routers: { a: { rule: Host(\`a.test\`), service: s, middlewares: [m] } }
  services: { s: { loadBalancer: { servers: [{ url: "http://127.0.0.1:1" }] } } }
  middlewares: { m: ${middleware} }`)

const closed: [string, Imported][] = [
  ['nginx: deny all', nginx('location / { deny all; proxy_pass http://127.0.0.1:1; }')],
  ['nginx: deny all around', nginx('deny all; location / { proxy_pass http://127.0.0.1:1; }')],
  [
    'nginx: a nearer deny all',
    nginx('allow 10.0.0.1; location / { deny all; proxy_pass http://127.0.0.1:1; }'),
  ],
  ['nginx: auth_request', nginx('location / { auth_request /ask; proxy_pass http://127.0.0.1:1; }')],
  ['nginx: internal', nginx('location / { internal; proxy_pass http://127.0.0.1:1; }')],
  ['nginx: if, then 403', nginx('if ($bad) { return 403; } location / { proxy_pass http://127.0.0.1:1; }')],
  [
    'nginx: limit_except',
    nginx('location / { limit_except GET { allow ::1; } proxy_pass http://127.0.0.1:1; }'),
  ],
  ['Apache: all denied', apache('<Location />\nRequire all denied\n</Location>')],
  ['Apache: a host', apache('<Location />\nRequire host a.example\n</Location>')],
  ['Apache: 2.2', apache('<Location />\nOrder deny,allow\nDeny from all\n</Location>')],
  ['Caddy: abort', caddy('@x header X a\nabort @x')],
  ['Caddy: forward_auth', caddy('forward_auth 127.0.0.1:9 {\nuri /ask\n}')],
  ['Caddy: an unknown hash', caddy('basicauth {\nann plain\n}')],
  [
    'Caddy: forward_auth, and addresses in a matcher',
    caddyOnly(
      '@outside not remote_ip 10.0.0.0/8\nforward_auth 127.0.0.1:9 {\nuri /ask\n}\nreverse_proxy @outside :1',
    ),
  ],
  [
    'Caddy: addresses that no two blocks have in common',
    caddyOnly(
      '@a remote_ip 10.0.0.1\n@b remote_ip 10.0.0.2\nhandle @a {\nhandle @b {\nreverse_proxy :1\n}\n}',
    ),
  ],
  ['Traefik: a plugin', traefik('{ plugin: { guard: {} } }')],
  ['Traefik: a middleware of another file', traefik('{}')],
]

for (const [name, imported] of closed)
  test(`${name}: the route is closed`, () =>
    assert.deepEqual(
      imported.routes.map(({ policies }) => (policies.deny as string[] | undefined)?.slice(0, 2)),
      imported.routes.map(() => ['0.0.0.0/0', '::/0']),
    ))

test('what is asked of a path is asked of all below it, in whatever order Apache was told', () => {
  const imported = apache(`<Location /a/b>
Header set X-B b
</Location>
<Location /a>
AuthUserFile users
Require valid-user
</Location>`)
  const policies = Object.fromEntries(imported.routes.map((route) => [route.path, route.policies]))
  assert.deepEqual(policies['/a']?.basicAuth, { users: 'users' })
  assert.deepEqual(policies['/a/b']?.basicAuth, { users: 'users' })
  assert.equal(policies['/']?.basicAuth, undefined)
})

test('passwords within a configuration become a file, and its users are asked', () => {
  const hash = '$2y$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e'
  const sources = [
    caddy(`basicauth {\nann ${hash}\n}`),
    caddy(`basicauth {\nann ${Buffer.from(hash).toString('base64')}\n}`),
    traefik(`{ basicAuth: { users: ["ann:${hash.replaceAll('$', '$$$$')}"] } }`),
  ]
  for (const { passwords, routes } of sources) {
    assert.deepEqual([...passwords], [['users', [`ann:${hash}`]]])
    const asked = routes[0]?.policies.basicAuth as { users: string } | undefined
    assert.equal(asked?.users, 'users')
  }
})

test('lines of access whose order cannot be kept let fewer pass, and that is told', () => {
  const lines = (text: string) =>
    text.split(', ').map((line) => ({ passes: line.startsWith('+'), network: line.slice(1) }))
  for (const [text, policies, isSame] of [
    ['+10.0.0.0/8, -all', { allow: ['10.0.0.0/8'] }, true],
    ['-10.0.0.1, +10.0.0.0/8, -all', { allow: ['10.0.0.0/8'], deny: ['10.0.0.1'] }, true],
    ['+10.0.0.1, -10.0.0.0/8, +all', { deny: ['10.0.0.0/8'] }, false],
    ['-10.0.0.1', { deny: ['10.0.0.1'] }, true],
    ['+all, -10.0.0.1', {}, true],
  ] as const) {
    const route = { policies: {} }
    assert.equal(applyAccess(lines(text), route), isSame, text)
    assert.deepEqual(route.policies, policies, text)
  }
})

test('a block of Caddy is for those whom its matcher takes, by address and by method', () => {
  const { routes } = caddyOnly(
    '@outside {\nnot remote_ip 10.0.0.0/8\nmethod POST\n}\nhandle @outside {\nreverse_proxy :1\n}',
  )
  assert.deepEqual(
    routes.map(({ policies, methods }) => [policies.deny, methods]),
    [[['10.0.0.0/8'], ['POST']]],
  )
})

test('what balances by address in Caddy does here, and a limit of Traefik without a number is none', () => {
  const { upstreams } = caddyOnly('reverse_proxy :1 :2 {\nlb_policy ip_hash\n}')
  assert.deepEqual(
    [...upstreams.values()].map(({ balance }) => balance),
    ['client'],
  )
  assert.equal(traefik('{ buffering: { memRequestBodyBytes: 5 } }').routes[0]?.policies.maxBody, undefined)
})
