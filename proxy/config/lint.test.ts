import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { tempFolder } from '../../test/harness/temp-folder.ts'
import type { CertificateFacts } from './files.ts'
import { lintConfig } from './lint.ts'
import type { LintFacts } from './lint-facts.ts'
import { loadConfig } from './load.ts'
import { formatPath, formatProblem } from './problem.ts'

const listeners = `listeners:
  http: { port: 8080, redirect: https }
  https: { port: 8443 }
  devices: { port: 8000 }
`

/** A sentence, the file behind the listeners, and the warnings: nothing, or `path: message; mend`. */
type Row = [sentence: string, text: string, warnings: string[]]

const quiet: Row[] = [
  [
    'public pages, an open service, devices on a plain port',
    `upstreams: { app: { leased: true }, camera: { leased: true } }
routes:
  - { name: pages, files: site }
  - { name: app, match: { path: /app }, to: app }
  - { name: camera, listeners: [devices], to: camera }`,
    [],
  ],
  [
    'a list of private networks with no proxy in front',
    `routes:
  - { name: closed, listeners: [https, devices], policies: { allow: [10.0.0.0/8, 127.0.0.1] }, files: site }`,
    [],
  ],
  [
    'the same path on other hosts, listeners and methods',
    `upstreams: { app: { leased: true } }
routes:
  - { name: a, listeners: [https], match: { host: a.example, path: /x, methods: [GET] }, files: site }
  - { name: b, listeners: [https], match: { host: a.example, path: /x, methods: [POST] }, to: app }
  - { name: c, listeners: [https], match: { host: b.example, path: /x }, files: site }
  - { name: d, listeners: [devices], match: { host: a.example, path: /x }, files: site }
  - { name: e, listeners: [https], match: { host: a.example, path: /x/y }, files: site }`,
    [],
  ],
  [
    'an exact route before the prefix of the same path',
    `routes:
  - { name: one, listeners: [https, devices], match: { path: /x, exact: true }, files: site }
  - { name: two, listeners: [https, devices], match: { path: /x }, redirect: /y }`,
    [],
  ],
  [
    'containers of this machine with certificates of their own',
    `upstreams:
  desk: { leased: true, keyed: true, networks: [127.0.0.0/8, 172.17.0.0/16], tls: { insecureSkipVerify: true } }
routes:
  - { name: desk, listeners: [https, devices], match: { path: "/d/:key" }, policies: { basicAuth: { users: users } }, to: "desk/:key" }`,
    [],
  ],
]

const rows: Row[] = [
  ...quiet,
  [
    'a route behind an equal one',
    `routes:
  - { name: one, listeners: [https, devices], match: { path: "/x/:a" }, files: site }
  - { name: two, match: { path: "/x/:b", methods: [GET] }, files: site }`,
    [
      'routes[1].match: is never reached: the route one on line 6 takes the same requests before it; make its `match` narrower, or remove one of the two',
    ],
  ],
  [
    'a route whose methods earlier routes share out',
    `routes:
  - { name: one, listeners: [https, devices], match: { path: /x, methods: [GET, HEAD] }, files: site }
  - { name: two, match: { path: /x, methods: [POST] }, redirect: /y }
  - { name: three, match: { path: /x, methods: [POST, GET] }, redirect: /z }`,
    [
      'routes[2].match: is never reached: the route one on line 6 takes the same requests before it; make its `match` narrower, or remove one of the two',
    ],
  ],
  [
    'the PROXY protocol from nobody',
    `routes:
  - { name: one, listeners: [https, proxied], policies: { allow: [10.0.0.0/8] }, files: site }
  - { name: two, listeners: [devices], files: site }`,
    [
      'listeners.proxied.proxyProtocol: expects the PROXY protocol from `trustedProxies`, which is empty, and one would judge clients by the address of the proxy; name the networks of the proxies in front under `trustedProxies`',
    ],
  ],
  [
    'trust in everybody',
    `trustedProxies: [0.0.0.0/0, 10.0.0.0/8, "2000::/3", "fc00::/7", 104.16.0.0/13]
routes:
  - { name: one, listeners: [https, devices], files: site }`,
    [
      'trustedProxies[0]: "0.0.0.0/0" lets strangers say who they are: whoever is in it may send any X-Forwarded-For; name only the addresses of your own proxies',
      'trustedProxies[2]: "2000::/3" lets strangers say who they are: whoever is in it may send any X-Forwarded-For; name only the addresses of your own proxies',
    ],
  ],
  [
    'desktops that nobody guards',
    `upstreams: { desk: { leased: true, keyed: true } }
routes:
  - { name: a, listeners: [https, devices], match: { path: "/a/:key" }, to: "desk/:key" }
  - { name: b, match: { path: "/b/:key" }, policies: { allow: { networks: [10.0.0.1], mode: observe } }, to: "desk/:key" }
  - { name: c, match: { path: "/c/:key" }, policies: { allow: [10.0.0.1] }, to: "desk/:key" }`,
    ['routes[0].to', 'routes[1].to'].map(
      (path) =>
        `${path}: leads to a pool of its own for each key, and no policy asks who the client is; add one of allow, basicAuth, jwt or forwardAuth under \`policies\``,
    ),
  ],
  [
    'a colon inside a segment',
    `routes:
  - { name: a, listeners: [https, devices], match: { path: [/ok, "/user:id"] }, files: site }`,
    [
      'routes[0].match.path[1]: "/user:id" has a colon inside a segment, where it stands for itself; give a parameter a whole segment, such as /user/:id',
    ],
  ],
  [
    'an upstream and a listener without routes',
    `upstreams: { used: { leased: true }, left: { leased: true } }
routes:
  - { name: a, to: used }`,
    [
      'upstreams.left: is where no route goes; add a route with `to: left`, or remove it',
      'listeners.devices: has no route, so it answers everything with 404; add `listeners: [devices]` to a route, a `redirect`, or remove it',
    ],
  ],
  [
    'certificates that are not verified over the network',
    `upstreams:
  far: { targets: ["https://10.0.0.7"], tls: { insecureSkipVerify: true } }
  near: { targets: ["https://127.0.0.1:1", "https://[::1]:1", "https://localhost"], tls: { insecureSkipVerify: true } }
  any: { leased: true, networks: [0.0.0.0/0], tls: { insecureSkipVerify: true } }
routes:
  - { name: a, listeners: [https, devices], match: { path: /a }, to: far }
  - { name: b, match: { path: /b }, to: near }
  - { name: c, match: { path: /c }, to: any }`,
    ['far', 'any'].map(
      (name) =>
        `upstreams.${name}.tls.insecureSkipVerify: accepts any certificate from another machine, so whoever is in between can read and change everything; name the authority with \`ca\` instead, and the name with \`servername\` if it differs`,
    ),
  ],
  [
    'a limit by a claim that nobody verifies',
    `routes:
  - { name: a, listeners: [https, devices], policies: { rateLimit: { limit: 1, by: "claim:sub" } }, files: site }`,
    [
      'routes[0].policies.rateLimit.by: counts by a claim, and no `jwt` policy verifies a token here, so all clients are counted as one; add `jwt`, or count `by: client`',
    ],
  ],
  [
    'a rewritten prefix without an upstream',
    `routes:
  - { name: a, listeners: [https, devices], files: site, forward: { prefix: strip } }`,
    ['routes[0].forward: changes nothing, because this route has no upstream; remove it'],
  ],
  [
    'a secret in an address',
    `routes:
  - { name: a, listeners: [https, devices], policies: { forwardAuth: { url: "http://127.0.0.1/check?token=abc" } }, files: site }`,
    [
      'routes[0].policies.forwardAuth.url: seems to hold a secret, and addresses are written to logs; send it in a header field',
    ],
  ],
]

for (const [sentence, text, warnings] of rows) {
  test(sentence, async (t) => {
    const folder = await tempFolder(t)
    mkdirSync(`${folder}/site`)
    writeFileSync(`${folder}/users`, '')
    const proxied = text.includes('proxied') ? '  proxied: { port: 8001, proxyProtocol: true }\n' : ''
    const result = await loadConfig({ file: `${folder}/r.yaml`, text: listeners + proxied + text, env: {} })
    assert.ok(result.ok, result.ok ? '' : result.problems.map(formatProblem).join('\n'))
    const told = lintConfig(result.config, facts()).map(
      ({ path, message, mend }) => `${formatPath(path)}: ${message}; ${mend}`,
    )
    assert.deepEqual(told, warnings)
    assert.equal(result.warnings.length, warnings.length)

    function facts(): LintFacts {
      const show = (path: readonly PropertyKey[]) => {
        let value: unknown = (result as { config: unknown }).config
        for (const part of path) value = (value as Record<PropertyKey, unknown>)?.[part]
        return typeof value === 'string' ? JSON.stringify(value) : undefined
      }
      return { certificates: [], now: 0, show }
    }
  })
}

test('certificates are held against the hosts of encrypted routes, and against the calendar', async (t) => {
  const folder = await tempFolder(t)
  mkdirSync(`${folder}/site`)
  const text = `${listeners}routes:
  - { name: a, match: { host: [shop.example, www.shop.example, a.b.shop.example] }, files: site }
  - { name: b, match: { host: "*.shop.example" }, files: site }
  - { name: c, match: { host: 192.168.1.9 }, files: site }
  - { name: d, listeners: [devices], match: { host: lan.example }, files: site }
  - { name: e, match: { host: "*.other.example" }, files: site }
`
  const result = await loadConfig({ file: `${folder}/r.yaml`, text, env: {} })
  assert.ok(result.ok)
  const day = 86_400_000
  const certificate = (names: string[], days: number): CertificateFacts => ({
    path: ['tls', 'certificates', 0, 'cert'],
    names,
    notAfter: 1000 * day + days * day,
  })
  const lint = (...certificates: CertificateFacts[]) =>
    lintConfig(result.config, { certificates, now: 1000 * day, show: () => undefined }).map(
      ({ path, message }) => `${formatPath(path)}: ${message}`,
    )
  assert.deepEqual(lint(), [])
  assert.deepEqual(lint(certificate(['shop.example', '*.shop.example', '192.168.1.9'], 90)), [
    'routes[0].match.host[2]: this host is in none of the certificates, so browsers will refuse it',
    'routes[4].match.host[0]: this host is in none of the certificates, so browsers will refuse it',
  ])
  const all = ['shop.example', '*.shop.example', '*.b.shop.example', '*.other.example', '192.168.1.9']
  assert.deepEqual(lint(certificate(all, 13)), [
    'tls.certificates[0].cert: this certificate ends in 13 days, on 1972-10-10',
  ])
  assert.deepEqual(lint(certificate(all, -1)), [
    'tls.certificates[0].cert: this certificate ended, on 1972-09-26',
  ])
})
