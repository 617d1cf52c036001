import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { connectHttp2 } from '../harness/http2.ts'
import { startProxy } from '../harness/proxy.ts'
import { request } from '../harness/request.ts'
import { startUpstream } from '../harness/upstream.ts'
import { openWebSocket } from '../harness/websocket.ts'

/** A service lives at another address inside than outside, and whoever uses it from outside does not notice. */

const t = { after }
const seen: { url: string; host: string; prefix: string }[] = []
const upstream = await startUpstream(
  t,
  (request, response) => {
    const { host = '', 'x-forwarded-prefix': prefix } = request.headers
    seen.push({ url: request.url ?? '', host, prefix: `${prefix ?? ''}` })
    const asked = new URL(request.url ?? '', 'http://upstream')
    const to = asked.searchParams.get('to')
    if (to !== null) response.writeHead(302, { location: to.replace('SELF', host), 'content-location': to })
    const cookie = asked.searchParams.get('cookie')
    if (cookie !== null) response.setHeader('set-cookie', [cookie.replace('SELF', host), 'plain=1'])
    response.end()
  },
  { websocket: (socket, request) => socket.send(`${request.headers.host}${request.url}`) },
)
const target = upstream.url.slice('http://'.length)

const proxy = await startProxy(
  t,
  `
  listeners: { https: { port: 0, address: 127.0.0.1 } }
  upstreams: { app: { targets: ["${upstream.url}"] } }
  routes:
    - { name: kept, match: { path: /kept }, to: app }
    - { name: stripped, match: { path: /stripped }, to: app, forward: { prefix: strip } }
    - { name: replaced, match: { path: /replaced }, to: app, forward: { prefix: /inner/v2 } }
    - { name: by-key, match: { path: "/user/:id" }, to: app, forward: { prefix: strip } }
    - { name: target, match: { path: /target }, to: app, forward: { host: target } }
    - { name: named, match: { path: /named }, to: app, forward: { host: app.internal, prefix: strip } }
  `,
)
const authority = `localhost:${proxy.port()}`
const origin = `https://${authority}`

const doors: Record<string, (path: string) => Promise<{ headers: Record<string, unknown> }>> = {
  'HTTP/1.1': (path) => request(proxy.url(), { target: path, headers: { host: authority } }),
  'HTTP/2': async (path) => (await connectHttp2(t, proxy.port())).request(path),
}

/** What is asked for, and the path, host and X-Forwarded-Prefix that the upstream sees. */
const paths: [asked: string, path: string, host: string, prefix: string][] = [
  ['/kept/a?b=/kept', '/kept/a?b=/kept', authority, ''],
  ['/stripped/a/b?c', '/a/b?c', authority, '/stripped'],
  ['/stripped', '/', authority, '/stripped'],
  ['/stripped/', '/', authority, '/stripped'],
  ['/stripped?x', '/?x', authority, '/stripped'],
  ['/stripped/stripped/a', '/stripped/a', authority, '/stripped'],
  ['/stripped/caf%C3%A9%20x', '/caf%C3%A9%20x', authority, '/stripped'],
  ['/replaced/a', '/inner/v2/a', authority, '/replaced'],
  ['/replaced', '/inner/v2', authority, '/replaced'],
  ['/user/alice/x', '/x', authority, '/user/alice'],
  ['/target/a', '/target/a', target, ''],
  ['/named/a', '/a', 'app.internal', '/named'],
]

/** Where the upstream redirects to, and where that leads outside. */
const locations: [asked: string, said: string, heard: string][] = [
  ['/kept', '/kept/login', '/kept/login'],
  ['/kept', 'http://SELF/kept/login', `${origin}/kept/login`],
  ['/stripped', '/login?next=%2F', '/stripped/login?next=%2F'],
  ['/stripped', 'login', 'login'],
  ['/stripped', 'http://SELF/login', `${origin}/stripped/login`],
  ['/stripped', `http://${target}/login`, `${origin}/stripped/login`],
  ['/stripped', 'https://elsewhere.example/login', 'https://elsewhere.example/login'],
  ['/stripped', '//elsewhere.example/login', '//elsewhere.example/login'],
  ['/replaced', '/inner/v2/login', '/replaced/login'],
  ['/replaced', '/outside', '/outside'],
  ['/user/alice', '/x', '/user/alice/x'],
  ['/target', 'http://SELF/target/x', `${origin}/target/x`],
  ['/named', 'http://app.internal/x', `${origin}/named/x`],
]

const cookies: [asked: string, said: string, heard: string][] = [
  ['/kept', 'a=1; Path=/; Secure', 'a=1; Path=/; Secure'],
  ['/stripped', 'a=1; Path=/; HttpOnly', 'a=1; Path=/stripped/; HttpOnly'],
  ['/stripped', 'a=1; Path=/sub', 'a=1; Path=/stripped/sub'],
  ['/replaced', 'a=1; path=/inner/v2/x', 'a=1; Path=/replaced/x'],
  ['/named', 'a=1; Domain=app.internal; Path=/', 'a=1; Path=/named/'],
]

for (const [version, ask] of Object.entries(doors))
  describe(`over ${version}`, () => {
    for (const [asked, url, host, prefix] of paths)
      test(`${asked} is ${url} inside`, async () => {
        seen.length = 0
        await ask(asked)
        assert.deepEqual(seen, [{ url, host, prefix }])
      })

    for (const [asked, said, heard] of locations)
      test(`${asked}: a redirect to ${said} leads to ${heard}`, async () => {
        const { headers } = await ask(`${asked}?to=${encodeURIComponent(said)}`)
        assert.equal(headers.location, heard)
      })

    for (const [asked, said, heard] of cookies)
      test(`${asked}: the cookie ${said} comes back to it`, async () => {
        const { headers } = await ask(`${asked}?cookie=${encodeURIComponent(said)}`)
        assert.deepEqual(headers['set-cookie'], [heard, 'plain=1'])
      })
  })

describe('a WebSocket', () => {
  for (const [asked, path, host] of paths)
    test(`${asked} is ${path} inside`, async (t) => {
      const client = await openWebSocket(t, `wss://127.0.0.1:${proxy.port()}${asked}`, {
        headers: { host: authority },
      })
      assert.equal(`${await client.next()}`, host + path)
    })
})
