/**
 * What the public scanners ask of a site (Mozilla Observatory, securityheaders.com), asked of every response that a
 * route gives: a browser obeys an error page or a redirect like any page, and a scanner looks at whichever comes.
 */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { connectHttp2 } from '../harness/http2.ts'
import { startProxy } from '../harness/proxy.ts'
import { request } from '../harness/request.ts'
import type { Teardown } from '../harness/teardown.ts'
import { tempFolder } from '../harness/temp-folder.ts'
import { startUpstream } from '../harness/upstream.ts'

type Fields = Readonly<Record<string, string | string[] | undefined>>

/** Each rule, and whether the fields of a response keep it. */
const rules: [what: string, keeps: (fields: Fields) => boolean][] = [
  ['HSTS for half a year at least', (fields) => maxAgeOf(fields['strict-transport-security']) >= 15_768_000],
  ['a CSP without scripts that are inline, evaluated or of anybody', (fields) => isStrictCsp(fields)],
  [
    'frames of our own alone',
    (fields) =>
      /^(DENY|SAMEORIGIN)$/.test(`${fields['x-frame-options']}`) &&
      /frame-ancestors '(none|self)'/.test(`${fields['content-security-policy']}`),
  ],
  ['no guessed types', (fields) => fields['x-content-type-options'] === 'nosniff'],
  [
    'no addresses told to others',
    (fields) =>
      /^(no-referrer|same-origin|strict-origin|strict-origin-when-cross-origin)$/.test(
        `${fields['referrer-policy']}`,
      ),
  ],
  ['a Permissions-Policy', (fields) => /camera=\(\)/.test(`${fields['permissions-policy']}`)],
  [
    'resources for our own site',
    (fields) => /^same-(site|origin)$/.test(`${fields['cross-origin-resource-policy']}`),
  ],
  ['no open CORS', (fields) => fields['access-control-allow-origin'] === undefined],
  ['not what it runs on', (fields) => fields['x-powered-by'] === undefined],
]

/** What a response is made by, its path and its status. */
const responses: [by: string, path: string, status: number][] = [
  ['an upstream', '/app', 200],
  ['an upstream that redirects', '/app/moved', 302],
  ['an upstream that fails', '/app/broken', 500],
  ['a file', '/files/', 200],
  ['a file that is not there', '/files/none', 404],
  ['a redirect of ours', '/old', 308],
  ['a policy that refuses', '/closed', 403],
  ['a method that is not allowed', '/posts', 405],
  ['a path that has two readings', '/app/..%2fclosed', 400],
]

test('every response of a route has all that public scanners ask for, over HTTP/1.1 and HTTP/2', async (t) => {
  const proxy = await openSite(t)
  const http2 = await connectHttp2(t, proxy.port('https'))
  for (const [by, path, status] of responses)
    for (const [door, reply] of [
      ['HTTP/1.1', await request(proxy.url('https') + path)],
      ['HTTP/2', await http2.request(path)],
    ] as const) {
      assert.equal(reply.status, status, `${by} over ${door}`)
      // No route has been found yet, so none has a say.
      const asked = status === 400 ? rules.filter(([what]) => what === 'no guessed types') : rules
      const broken = asked.filter(([, keeps]) => !keeps(reply.headers as Fields)).map(([what]) => what)
      assert.deepEqual(broken, [], `${by} over ${door}`)
    }
})

test('the plain port sends a browser to the same host over TLS first, and promises nothing it cannot keep', async (t) => {
  const proxy = await openSite(t)
  const reply = await request(`${proxy.url('http')}/app?x`, { headers: { host: 'site.test' } })
  assert.equal(reply.status, 308)
  assert.match(`${reply.headers.location}`, /^https:\/\/site\.test(:\d+)?\/app\?x$/)
  // RFC 6797 §7.2.
  assert.equal(reply.headers['strict-transport-security'], undefined)
})

async function openSite(t: Teardown) {
  const upstream = await startUpstream(t, ({ url }, response) => {
    response.setHeader('x-powered-by', 'Express')
    if (url === '/app/moved') response.writeHead(302, { location: '/app' })
    else if (url === '/app/broken') response.writeHead(500)
    response.end('app')
  })
  const folder = await tempFolder(t)
  await writeFile(join(folder, 'index.html'), '<!doctype html><title>Page</title>')
  return startProxy(
    t,
    `
    listeners: { http: { port: 0, address: 127.0.0.1, redirect: https }, https: { port: 0, address: 127.0.0.1 } }
    upstreams: { app: { targets: ["${upstream.url}"] } }
    defaults:
      policies:
        securityHeaders:
          contentSecurityPolicy: { default-src: ["'self'"], object-src: ["'none'"], base-uri: ["'none'"] }
          permissionsPolicy: { camera: [], microphone: [], geolocation: [] }
    routes:
      - { name: app, match: { path: /app }, to: app }
      - { name: files, match: { path: /files }, forward: { prefix: strip }, files: ${folder} }
      - { name: old, match: { path: /old }, redirect: { location: /app } }
      - { name: closed, match: { path: /closed }, policies: { allow: [192.0.2.1] }, to: app }
      - { name: posts, match: { path: /posts }, policies: { methods: [POST] }, to: app }
    `,
  )
}

function maxAgeOf(field: string | string[] | undefined): number {
  return Number(/max-age=(\d+)/.exec(`${field}`)?.[1] ?? 0)
}

function isStrictCsp(fields: Fields): boolean {
  const policy = `${fields['content-security-policy']}`
  return /default-src '(self|none)'/.test(policy) && !/script-src[^;]*(unsafe|data:|https:|\*)/.test(policy)
}
