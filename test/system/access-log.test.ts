import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { eventually } from '../harness/eventually.ts'
import { connectHttp2 } from '../harness/http2.ts'
import { startProxy } from '../harness/proxy.ts'
import { rawRequest } from '../harness/raw-request.ts'
import { request } from '../harness/request.ts'
import { tempFolder } from '../harness/temp-folder.ts'
import { startUpstream } from '../harness/upstream.ts'

/** What an operator reads about an exchange: who, where, what became of it and why, and no secret. */

const t = { after }
const upstream = await startUpstream(t, (_incoming, response) => {
  response.setHeader('set-cookie', 'session=hush-in-a-cookie; Path=/')
  response.end('hello')
})
const routesFor = (keys: string) => `
listeners:
  http: { port: 0, address: 127.0.0.1 }
  https: { port: 0, address: 127.0.0.1 }
trustedProxies: [127.0.0.1]
upstreams: { app: { targets: ["${upstream.url}"] } }
accessLog: { ${keys} }
routes:
  - { name: app, match: { path: /app }, listeners: [http, https], to: app }
  - { name: near, match: { path: /near }, listeners: [http], to: app, policies: { allow: [10.0.0.5] } }
  - { name: room, match: { path: /room }, listeners: [http], to: app, policies: { basicAuth: { users: users } } }
  - { name: own, match: { path: /own }, listeners: [http], to: app, accessLog: own.log }
  - { name: quiet, match: { path: /quiet }, listeners: [http], to: app, accessLog: false }
`

async function start(keys: string) {
  const folder = await tempFolder(t)
  await writeFile(join(folder, 'users'), 'ann:{SHA}qUqP5cyxm6YcTAhz05Hph5gvu9M=\n')
  const proxy = await startProxy(t, routesFor(keys), { folder })
  const file = join(folder, 'log')
  /** The first line with these words, once it is there. */
  const line = (words: string): Promise<string> =>
    eventually(async () => (await readFile(file, 'utf8')).split('\n').find((each) => each.includes(words)))
  return { proxy, folder, file, line, http: proxy.url('http'), https: proxy.port('https') }
}

const client = { 'x-forwarded-for': '203.0.113.7' }
const basic = (user: string, password: string) =>
  `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`

describe('a line of JSON', async () => {
  const { http, https, line, proxy, folder, file } = await start('file: log')

  /** It once named the trusted proxy, which fail2ban then shut out, and everybody behind it. */
  test('names the client behind a trusted proxy even where the request could not be read', async () => {
    await request(http, { target: '/..%2fspoilt', headers: client })
    const entry = JSON.parse(await line('spoilt'))
    assert.deepEqual([entry.status, entry.error], [400, 'path_ambiguous'])
    assert.equal(entry.request.client_ip, '203.0.113.7')
    assert.equal(entry.request.remote_ip, '127.0.0.1')
  })

  test('says who asked for what, where it went and what came back', async () => {
    const reply = await request(`${http}/app/x?mark=1`, {
      method: 'POST',
      headers: { ...client, 'user-agent': 'a "browser"' },
      body: '12345',
    })
    const entry = JSON.parse(await line('mark=1'))
    assert.equal(entry.request.client_ip, '203.0.113.7')
    assert.equal(entry.request.remote_ip, '127.0.0.1')
    assert.deepEqual(
      [entry.request.proto, entry.request.method, entry.request.uri],
      ['HTTP/1.1', 'POST', '/app/x?mark=1'],
    )
    assert.equal(entry.request.host, new URL(http).host)
    assert.match(JSON.stringify(entry.request.headers), /a \\"browser\\"/)
    assert.deepEqual([entry.status, entry.size, entry.bytes_read], [200, 5, 5])
    assert.deepEqual([entry.entrypoint, entry.router, entry.service], ['http', 'app', 'app'])
    assert.deepEqual([entry.upstream, entry.upstream_status, entry.attempts], [upstream.url, 200, 1])
    assert.equal(entry.rule, 'routes.yaml:9')
    assert.equal(entry.decision, 'allow')
    assert.equal(entry.request_id, reply.headers['x-request-id'])
    assert.ok(entry.duration > 0 && entry.duration < 10)
    assert.ok(Math.abs(entry.ts - Date.now() / 1000) < 60)
  })

  test('has what TLS agreed on, over HTTP/2', async (t) => {
    await (await connectHttp2(t, https)).request('/app/x?mark=2')
    const { request } = JSON.parse(await line('mark=2'))
    assert.equal(request.proto, 'HTTP/2.0')
    assert.deepEqual(
      [request.tls.version, request.tls.proto, request.tls.server_name],
      [0x0304, 'h2', 'localhost'],
    )
  })

  test('names route, policy, reason and the real client of a refusal', async () => {
    await request(`${http}/near?mark=3`, { headers: client })
    const entry = JSON.parse(await line('mark=3'))
    assert.equal(entry.request.client_ip, '203.0.113.7')
    assert.deepEqual([entry.status, entry.decision, entry.router], [403, 'deny', 'near'])
    assert.deepEqual(
      [entry.deny_policy, entry.error, entry.rule],
      ['allow', 'address_denied', 'routes.yaml:10'],
    )
    assert.match(entry.deny_reason, /203\.0\.113\.7/)
    assert.equal(entry.upstream, undefined)
  })

  test('names the user who was let in', async () => {
    await request(`${http}/room?mark=4`, { headers: { authorization: basic('ann', 'test') } })
    assert.equal(JSON.parse(await line('mark=4')).user_id, 'ann')
  })

  test('is there for what no route serves, and for what could not be read', async () => {
    await request(`${http}/none?mark=5`)
    const unmatched = JSON.parse(await line('mark=5'))
    assert.deepEqual([unmatched.status, unmatched.error, unmatched.router], [404, 'no_route', undefined])
    assert.match(unmatched.detail, /no route for 127\.0\.0\.1\/none on http/)
    await request(http, { target: '/a%2fb?mark=6' })
    const unreadable = JSON.parse(await line('mark=6'))
    assert.deepEqual([unreadable.status, unreadable.error], [400, 'path_ambiguous'])
  })

  test('stays one line, whatever a client writes into its request', async () => {
    const hostile =
      'GET /app?mark=7 HTTP/1.1\r\nHost: a\r\nUser-Agent: "}\\n{"status":1,\x80\xff\t\u007f\r\n\r\n'
    await rawRequest(proxy.port('http'), hostile.replace('\u007f', ''))
    await line('mark=7')
    for (const each of (await readFile(file, 'utf8')).trim().split('\n'))
      assert.equal(typeof JSON.parse(each).status, 'number')
  })

  test('goes where its route says', async () => {
    await request(`${http}/own?mark=8`)
    await request(`${http}/quiet?mark=9`)
    await request(`${http}/app?mark=10`)
    const own = await eventually(() => readFile(join(folder, 'own.log'), 'utf8'))
    assert.equal(JSON.parse(own).router, 'own')
    await line('mark=10')
    assert.doesNotMatch(await readFile(file, 'utf8'), /mark=[89]/)
    assert.ok(!existsSync(join(folder, 'data')))
  })
})

describe('a combined line', async () => {
  const { http, line } = await start('file: log, format: combined')
  const shape =
    /^(\S+) - (\S+) \[\d\d\/\w{3}\/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] "([^"]*)" (\d{3}) (\d+) "([^"]*)" "([^"]*)"/

  test('is what fail2ban and GoAccess read', async () => {
    const headers = { ...client, 'user-agent': 'curl/8', referer: 'https://example.com/' }
    await request(`${http}/app?mark=1`, { headers })
    const found = shape.exec(await line('mark=1'))?.slice(1)
    assert.deepEqual(found, [
      '203.0.113.7',
      '-',
      'GET /app?mark=1 HTTP/1.1',
      '200',
      '5',
      'https://example.com/',
      'curl/8',
    ])
  })

  test('has the real client of a failed sign-in, and the user of another', async () => {
    const send = (mark: string, password: string) =>
      request(`${http}/room?mark=${mark}`, { headers: { ...client, authorization: basic('ann', password) } })
    await send('2', 'guessed')
    assert.deepEqual(shape.exec(await line('mark=2'))?.slice(1, 5), [
      '203.0.113.7',
      '-',
      'GET /room?mark=2 HTTP/1.1',
      '401',
    ])
    await send('3', 'test')
    assert.equal(shape.exec(await line('mark=3'))?.[2], 'ann')
  })
})

for (const keys of ['file: log', 'file: log, format: combined', 'file: log, query: false'])
  test(`no secret is in the log with ${keys}`, async () => {
    const { http, https, line, file } = await start(keys)
    const hush = 'hush-from-a-client'
    const headers = {
      authorization: `Bearer ${hush}`,
      cookie: `session=${hush}`,
      'proxy-authorization': `Basic ${hush}`,
      'x-api-key': hush,
      'x-auth-token': hush,
      referer: `https://user:${hush}@example.com/?access_token=${hush}`,
    }
    const path = `/app/x?access_token=${hush}&password=${hush}&next=${encodeURIComponent(`/y?token=${hush}`)}`
    await request(http + path, { headers })
    await (await connectHttp2(t, https)).request(path, { headers: { cookie: `session=${hush}` } })
    const upgrade = {
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
      'sec-websocket-protocol': `bearer, ${hush}`,
    }
    await request(`${http}/near`, { headers: { ...upgrade, authorization: `Basic ${hush}` } })
    // A session in the path was hidden in the address, and told in the reason why there is no route for it.
    await request(`${http}/gone;jsessionid=${hush}`)
    await request(`${http}/room`, { headers: { authorization: basic('ann', hush) } })
    await line('/room')
    const text = await readFile(file, 'utf8')
    assert.equal(text.trim().split('\n').length, 5)
    assert.doesNotMatch(text, /hush/)
    assert.ok(!text.includes(basic('ann', hush).slice('Basic '.length)))
    if (keys.includes('query')) assert.doesNotMatch(text, /access_token=|password=/)
  })
