import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { after, describe, test } from 'node:test'
import { eventually } from './eventually.ts'
import { freePort } from './free-port.ts'
import { connectHttp2 } from './http2.ts'
import * as h2 from './http2-frames.ts'
import { makeNetwork } from './network.ts'
import { needs, pathOf, skipFor } from './parts.ts'
import { startProxy } from './proxy.ts'
import { rawRequest } from './raw-request.ts'
import { request } from './request.ts'
import { startScriptedUpstream } from './scripted-upstream.ts'
import { onEnd, type Teardown } from './teardown.ts'
import { tempFolder } from './temp-folder.ts'
import { startUpstream } from './upstream.ts'
import { openWebSocket, upgradeHead } from './websocket.ts'

describe('teardown', () => {
  test('undoes in reverse, and all of it even if one fails', async () => {
    const hooks: (() => void | Promise<void>)[] = []
    const undone: string[] = []
    const t: Teardown = { after: (undo) => hooks.push(undo) }
    onEnd(t, () => void undone.push('first'))
    onEnd(t, () => Promise.reject(new Error('second fails')))
    onEnd(t, () => void undone.push('third'))
    assert.equal(hooks.length, 1)
    await assert.rejects(async () => hooks[0]?.(), /second fails/)
    assert.deepEqual(undone, ['third', 'first'])
  })

  test('a folder is gone afterwards', async (t) => {
    let folder = ''
    await t.test('while it is used', async (inner) => {
      folder = await tempFolder(inner)
      assert.ok(existsSync(folder))
    })
    assert.equal(existsSync(folder), false)
  })
})

describe('eventually', () => {
  test('answers the first true answer', async () => {
    let calls = 0
    assert.equal(await eventually(() => (calls++ < 3 ? 0 : calls)), 4)
  })
  test('throws the last error when time is up', async () => {
    const attempt = () => assert.equal(1, 2, 'never equal')
    await assert.rejects(eventually(attempt, { timeout: 30 }), /never equal/)
  })
  test('says so when it never came true', async () => {
    await assert.rejects(
      eventually(() => false, { timeout: 30 }),
      /within 30 ms: false/,
    )
  })
})

describe('needs', () => {
  test('an unknown part is a mistake in the test', () => {
    assert.throws(() => needs('a-part-that-is-not-there'), /has no part "a-part-that-is-not-there"/)
  })
  test('under CI a missing part throws, elsewhere it is a reason to skip', (t) => {
    const { CI } = process.env
    onEnd(t, () => void Object.assign(process.env, { CI: CI ?? '' }))
    process.env.CI = 'true'
    assert.throws(() => skipFor(['needs a moon', 'needs a sun']), /needs a moon; needs a sun/)
    assert.deepEqual(skipFor([]), { skip: false })
    process.env.CI = ''
    assert.deepEqual(skipFor(['needs a moon']), { skip: 'needs a moon' })
  })
})

describe('upstream', () => {
  test('echoes a request, over plain text and over TLS', async (t) => {
    for (const tls of [false, true]) {
      const upstream = await startUpstream(t, undefined, { tls })
      const ask = { method: 'POST', body: 'hello', headers: { Host: 'photos.localhost' } }
      const { status, text } = await request(`${upstream.url}/a?b=1`, { ...ask, servername: 'localhost' })
      const seen = JSON.parse(text)
      assert.deepEqual([status, seen.method, seen.url, seen.body], [200, 'POST', '/a?b=1', 'hello'])
      assert.equal(seen.headers.host, 'photos.localhost')
      assert.equal(upstream.requests.length, 1)
    }
  })

  test('a certificate that is asked for is verified', async (t) => {
    const upstream = await startUpstream(t, undefined, { tls: true })
    const ca = upstream.certificate?.cert
    assert.equal((await request(upstream.url, { ca, servername: 'localhost' })).status, 200)
    await assert.rejects(request(upstream.url, { ca, servername: 'other' }), {
      code: 'ERR_TLS_CERT_ALTNAME_INVALID',
    })
  })

  test('listens on a unix socket', async (t) => {
    const upstream = await startUpstream(t, undefined, { unix: true })
    assert.match(upstream.url, /^unix:\/.*\/app\.sock$/)
    assert.equal(upstream.port, 0)
  })

  test('speaks WebSocket', async (t) => {
    const upstream = await startUpstream(t, undefined, {
      websocket: (socket) => socket.on('message', (message) => socket.send(`got ${message}`)),
    })
    const client = await openWebSocket(t, upstream.url.replace('http', 'ws'))
    client.send('one')
    client.send('two')
    assert.equal(String(await client.next()), 'got one')
    assert.equal(String(await client.next()), 'got two')
    client.socket.close(4001)
    assert.equal(await client.closed, 4001)
  })

  test('an upgrade can be sent as raw bytes', async (t) => {
    const upstream = await startUpstream(t, undefined, { websocket: (socket) => socket.close() })
    const reply = await rawRequest(upstream.port, upgradeHead('/x', 'localhost'))
    assert.deepEqual(reply.statuses, [101])
  })
})

describe('scripted upstream', () => {
  test('sends exact bytes with pauses, and records what came', async (t) => {
    const upstream = await startScriptedUpstream(t, ['HTTP/1.1 299 \xe9\r\n', { pause: 20 }, '\r\n', 'END'])
    const reply = await rawRequest(upstream.port, ['GET / HTTP/1.1\r\n', 5, 'Host: a\r\n\r\n'])
    assert.equal(reply.text, 'HTTP/1.1 299 \xe9\r\n\r\n')
    assert.deepEqual([reply.statuses, reply.ended, reply.reset], [[299], true, false])
    assert.equal(upstream.connections[0]?.received, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  })

  test('waits for a text, and resets', async (t) => {
    const upstream = await startScriptedUpstream(t, (number) => [`${number}`, { await: 'more' }, 'RESET'])
    const head = 'POST / HTTP/1.1\r\n\r\n'
    const first = await rawRequest(upstream.port, [head, 20, 'more'])
    assert.deepEqual([first.text, first.reset], ['0', true])
    const second = await rawRequest(upstream.port, head, { until: /1/ })
    assert.deepEqual([second.text, second.reset, second.ended], ['1', false, false])
  })
})

test('a free port refuses connections', async () => {
  await assert.rejects(rawRequest(await freePort(), 'x'), { code: 'ECONNREFUSED' })
})

describe('HTTP/2', async () => {
  const { createSecureServer } = await import('node:http2')
  const { selfSigned } = await import('./certificate.ts')
  const server = createSecureServer(await selfSigned(), (incoming, response) => {
    response.writeHead(Number(incoming.url.slice(1)) || 200)
    incoming.pipe(response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  after(() => server.close())
  const { port } = server.address() as import('node:net').AddressInfo

  test('a client posts and reads', async (t) => {
    const client = await connectHttp2(t, port)
    const reply = await client.request('/201', { method: 'POST', body: 'hello' })
    assert.deepEqual([reply.status, reply.text], [201, 'hello'])
  })

  test('a cancelled stream rejects', async (t) => {
    const client = await connectHttp2(t, port)
    const cancel = AbortSignal.abort()
    await assert.rejects(client.request('/', { method: 'POST', trailers: {}, signal: cancel }), /abort/i)
  })

  test('frames are written and read, with statuses of every form', async (t) => {
    const connection = await h2.connectFrames(t, port)
    const statuses = [200, 204, 304, 400, 404, 421, 431, 408, 503, 299, 567, 413]
    for (const [index, status] of statuses.entries())
      connection.send(h2.headers(index * 2 + 1, [...h2.getFields(`/${status}`), ['x', 'y'.repeat(300)]]))
    for (const [index, status] of statuses.entries()) {
      const head = await connection.waitFor((frame) => frame.type === 1 && frame.stream === index * 2 + 1)
      assert.equal(h2.statusOf(head), status)
    }
    connection.send(h2.ping('abcdefgh'))
    const pong = await connection.waitFor((frame) => frame.type === h2.frameType.ping)
    assert.equal(pong.payload.toString(), 'abcdefgh')
    connection.send(h2.data(0, 'on no stream'))
    await connection.waitFor((frame) => frame.type === h2.frameType.goaway)
    assert.ok(await eventually(() => connection.ended))
  })
})

describe('proxy', () => {
  test('relays, logs, and takes another configuration', async (t) => {
    const upstream = await startUpstream(t)
    const proxy = await startProxy(
      t,
      `
      upstreams: { echo: { targets: ["${upstream.url}"] } }
      routes:
        - { name: one, match: { path: /one }, to: echo }
      `,
    )
    const first = await request(`${proxy.url()}/one`)
    assert.equal(JSON.parse(first.text).url, '/one')
    assert.equal((await request(`${proxy.url('http')}/two`)).status, 404)
    await proxy.reload(`
      upstreams: { echo: { targets: ["${upstream.url}"] } }
      routes: [{ name: two, match: { path: /two }, to: echo }]
    `)
    assert.equal((await request(`${proxy.url()}/two`)).status, 200)
    await assert.rejects(proxy.reload('routes: [{}]'), /routes\.yaml:2:\d+ /)
    const lines = await eventually(async () => {
      const entries = await proxy.accessLog()
      return entries.length === 3 && entries
    })
    assert.deepEqual(
      lines.map(({ status }) => status),
      [200, 404, 200],
    )
    assert.throws(() => proxy.port('https'), /no listener "https"/)
  })

  test('speaks TLS with a certificate of its own making', async (t) => {
    const proxy = await startProxy(
      t,
      `
      listeners: { https: { port: 0, address: 127.0.0.1 } }
      routes: [{ name: away, redirect: "https://example.org/" }]
      `,
    )
    assert.equal((await request(proxy.url())).headers.location, 'https://example.org/')
    const client = await connectHttp2(t, proxy.port())
    assert.equal((await client.request('/')).status, 308)
  })
})

describe('network', needs('netns'), () => {
  test('clients have the addresses that they were given', async (t) => {
    const { createServer } = await import('node:http')
    const server = createServer((incoming, response) => response.end(incoming.socket.remoteAddress))
    await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve))
    onEnd(t, () => void server.close())
    const { port } = server.address() as import('node:net').AddressInfo
    const network = makeNetwork(t, ['192.168.1.20', '10.0.0.5', '10.9.9.9'])
    for (const from of ['10.0.0.5', '192.168.1.20', '10.9.9.9']) {
      const reply = await network.request(from, `http://${network.server}:${port}/`)
      assert.equal(reply.text, from)
    }
  })

  test('nothing is left behind', async (t) => {
    let wires = ''
    await t.test('while it is used', async (inner) => {
      makeNetwork(inner, ['10.0.0.5'])
      wires = await listWires()
    })
    assert.match(wires, /gh\d+a/)
    assert.doesNotMatch(await listWires(), new RegExp(/gh\d+a/.exec(wires)?.[0] ?? 'none'))
  })
})

async function listWires(): Promise<string> {
  const { execFileSync } = await import('node:child_process')
  return execFileSync(pathOf('ip'), ['-brief', 'link']).toString()
}
