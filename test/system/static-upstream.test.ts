import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import type { RequestListener } from 'node:http'
import { connect as connectSession } from 'node:http2'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { selfSigned } from '../harness/certificate.ts'
import { connectHttp2 } from '../harness/http2.ts'
import { startProxy } from '../harness/proxy.ts'
import { rawRequest } from '../harness/raw-request.ts'
import { type Reply, request } from '../harness/request.ts'
import { tempFolder } from '../harness/temp-folder.ts'
import { type Echo, startUpstream } from '../harness/upstream.ts'

/** Any client reaches any static upstream, and each hears of the other what HTTP lets it hear. */

const t = { after }
const folder = await tempFolder(t)
const authority = await selfSigned(['An authority of ours'], { authority: true })
const leaf = await selfSigned(['127.0.0.1', 'app.internal'], { ca: authority })
await writeFile(join(folder, 'authority.pem'), authority.cert)

const plain = await startUpstream(t)
const signed = await startUpstream(t, undefined, { tls: leaf })
const stranger = await startUpstream(t, undefined, { tls: true })
const unix = await startUpstream(t, undefined, { unix: true })
const talker = await startUpstream(t, talk)

const proxy = await startProxy(
  t,
  `
  listeners:
    http: { port: 0, address: 127.0.0.1 }
    https: { port: 0, address: 127.0.0.1 }
  upstreams:
    http: { targets: ["${plain.url}"] }
    unix: { targets: ["${unix.url}"] }
    https: { targets: ["${signed.url}"], tls: { ca: authority.pem } }
    by-name: { targets: ["${signed.url}"], tls: { ca: authority.pem, servername: app.internal } }
    wrong-name: { targets: ["${signed.url}"], tls: { ca: authority.pem, servername: other.internal } }
    unknown: { targets: ["${stranger.url}"] }
    wrong-authority: { targets: ["${stranger.url}"], tls: { ca: authority.pem } }
    exempt: { targets: ["${stranger.url}"], tls: { insecureSkipVerify: true } }
    not-tls: { targets: ["${plain.url.replace('http', 'https')}"] }
    talker: { targets: ["${talker.url}"] }
  routes:
${[
  'http',
  'unix',
  'https',
  'by-name',
  'wrong-name',
  'unknown',
  'wrong-authority',
  'exempt',
  'not-tls',
  'talker',
]
  .map((name) => `    - { name: ${name}, match: { path: /${name} }, to: ${name}, listeners: [http, https] }`)
  .join('\n')}
    - { name: folder, match: { path: /folder }, files: ., listeners: [http, https] }
    - { name: small, match: { path: /small }, to: talker, policies: { maxBody: 1KB }, listeners: [http, https] }
  `,
  { folder },
)

type Answer = Pick<Reply, 'status' | 'interim' | 'text'> & {
  headers: Record<string, unknown>
  trailers: Record<string, unknown>
}
type Ask = { method?: string; headers?: Record<string, string>; body?: string }
const versions: Record<string, (path: string, ask?: Ask) => Promise<Answer>> = {
  'HTTP/1.1': (path, ask) => request(proxy.url('http') + path, ask),
  'HTTP/1.1 and TLS': (path, ask) => request(proxy.url('https') + path, ask),
  'HTTP/2': async (path, ask) => (await connectHttp2(t, proxy.port('https'))).request(path, ask),
}

for (const [version, ask] of Object.entries(versions))
  describe(`over ${version}`, () => {
    for (const upstream of ['http', 'unix', 'https', 'by-name', 'exempt'])
      test(`a request reaches ${upstream}, and its answer comes back`, async () => {
        const body = 'caf\u00e9 '.repeat(1000)
        const reply = await ask(`/${upstream}/x?y=%20z`, {
          method: 'PUT',
          headers: { 'x-own': 'kept' },
          body,
        })
        assert.equal(reply.status, 200)
        const seen = JSON.parse(reply.text) as Echo
        assert.deepEqual(
          [seen.method, seen.url, seen.headers['x-own']],
          ['PUT', `/${upstream}/x?y=%20z`, 'kept'],
        )
        assert.equal(seen.body, body)
        assert.equal(seen.headers['x-forwarded-for'], '127.0.0.1')
        assert.equal(seen.headers['x-forwarded-proto'], version === 'HTTP/1.1' ? 'http' : 'https')
      })

    for (const upstream of ['unknown', 'wrong-name', 'wrong-authority'])
      test(`${upstream}: a certificate that cannot be believed is 502 upstream_tls, and nothing is sent`, async () => {
        const before = stranger.requests.length + signed.requests.length
        const reply = await ask(`/${upstream}`, { method: 'POST', body: 'secret' })
        assert.equal(reply.status, 502)
        assert.equal(JSON.parse(reply.text).code, 'upstream_tls')
        assert.equal(stranger.requests.length + signed.requests.length, before)
      })

    test('an upstream that does not speak TLS as it should is a 502', async () => {
      assert.equal((await ask('/not-tls')).status, 502)
    })

    test('HEAD, 204 and 304 have no body, and the connection goes on', async () => {
      const head = await ask('/talker/plain', { method: 'HEAD' })
      assert.deepEqual([head.status, head.headers['content-length'], head.text], [200, '5', ''])
      for (const status of [204, 304]) {
        const reply = await ask(`/talker/${status}`)
        assert.deepEqual([reply.status, reply.text, reply.headers.etag], [status, '', '"x"'])
      }
      assert.equal((await ask('/talker/plain')).text, 'hello')
    })

    test('a range is one of the upstream, whole and as it said', async () => {
      const reply = await ask('/talker/range', { headers: { range: 'bytes=2-4' } })
      assert.deepEqual(
        [reply.status, reply.headers['content-range'], reply.text],
        [206, 'bytes 2-4/10', '234'],
      )
    })

    test('a range of a file', async () => {
      await writeFile(join(folder, 'digits.txt'), '0123456789')
      const reply = await ask('/folder/digits.txt', { headers: { range: 'bytes=2-4' } })
      assert.deepEqual(
        [reply.status, reply.headers['content-range'], reply.text],
        [206, 'bytes 2-4/10', '234'],
      )
      const tail = await ask('/folder/digits.txt', { headers: { range: 'bytes=-3' } })
      assert.deepEqual([tail.status, tail.text], [206, '789'])
      const none = await ask('/folder/digits.txt', { headers: { range: 'bytes=20-' } })
      assert.deepEqual([none.status, none.headers['content-range']], [416, 'bytes */10'])
    })

    test('trailers come through', async () => {
      const reply = await ask('/talker/trailers')
      assert.deepEqual([reply.status, reply.text], [200, 'body'])
      assert.equal(reply.trailers['x-checksum'], 'abc')
    })

    test('early hints come through, before the answer', async () => {
      const reply = await ask('/talker/hints')
      assert.deepEqual([reply.interim, reply.status, reply.text], [[103], 200, 'hello'])
    })

    test('fields that are said twice stay two', async () => {
      const { headers } = await ask('/talker/twice')
      assert.deepEqual(headers['set-cookie'], ['a=1', 'b=2'])
    })
  })

describe('a client that waits for 100 before its body', () => {
  const head = (path: string, port: number) =>
    `POST ${path} HTTP/1.1\r\nHost: localhost:${port}\r\nExpect: 100-continue\r\nContent-Length: 5000\r\n\r\n`

  test('is told to go on once there is somebody to send it to', async () => {
    const port = proxy.port('http')
    const waits = await rawRequest(port, head('/http', port), { until: /100 Continue\r\n\r\n/ })
    assert.deepEqual(waits.statuses, [100])
    const whole = await rawRequest(port, [head('/http', port), 100, 'x'.repeat(5000)], { until: /x"}/ })
    assert.deepEqual(whole.statuses, [100, 200])
  })

  for (const [path, status] of [
    ['/small', 413],
    ['/nowhere', 404],
  ] as const)
    test(`hears ${status} for ${path} at once, and never sends it`, async () => {
      const port = proxy.port('http')
      const before = talker.requests.length
      const refused = await rawRequest(port, head(path, port), { until: /\r\n\r\n[\s\S]*}/ })
      assert.deepEqual(refused.statuses, [status])
      assert.equal(talker.requests.length, before)
    })

  test('over HTTP/2 too', async () => {
    const session = connectSession(proxy.url('https'), { rejectUnauthorized: false })
    for (const [path, expected] of [
      ['/http', ['continue', 200]],
      ['/small', [413]],
    ] as const) {
      const heard: (string | number)[] = []
      const stream = session.request({
        ':method': 'POST',
        ':path': path,
        expect: '100-continue',
        'content-length': '5000',
      })
      stream.on('continue', () => {
        heard.push('continue')
        stream.end('x'.repeat(5000))
      })
      stream.on('response', (fields) => heard.push(fields[':status'] ?? 0))
      stream.resume()
      await new Promise((resolve) => stream.once('end', resolve))
      stream.close()
      assert.deepEqual(heard, expected)
    }
    session.close()
  })
})

/** An upstream that uses what HTTP has. */
function talk(...[incoming, response]: Parameters<RequestListener>): void {
  const what = incoming.url?.split('/')[2]
  if (what === '204' || what === '304') return void response.writeHead(Number(what), { etag: '"x"' }).end()
  if (what === 'range') {
    response.writeHead(206, { 'content-range': 'bytes 2-4/10', 'content-length': 3 }).end('234')
  } else if (what === 'trailers') {
    response.writeHead(200, { trailer: 'X-Checksum' })
    response.write('body')
    response.addTrailers({ 'X-Checksum': 'abc' })
    response.end()
  } else if (what === 'hints') {
    response.writeEarlyHints({ link: '</house.css>; rel=preload; as=style' })
    response.end('hello')
  } else if (what === 'twice') {
    response.writeHead(200, { 'set-cookie': ['a=1', 'b=2'] }).end()
  } else response.writeHead(200, { 'content-length': 5 }).end('hello')
}
