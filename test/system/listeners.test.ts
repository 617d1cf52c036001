import assert from 'node:assert/strict'
import { execFile, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { connect as connectHttp2 } from 'node:http2'
import { request as requestHttps } from 'node:https'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { type Certificate, selfSigned } from '../harness/certificate.ts'
import { eventually } from '../harness/eventually.ts'
import { freePort } from '../harness/free-port.ts'
import { needs, pathOf } from '../harness/parts.ts'
import { startProxy } from '../harness/proxy.ts'
import { type Reply, request } from '../harness/request.ts'
import { onEnd } from '../harness/teardown.ts'
import { tempFolder } from '../harness/temp-folder.ts'
import { type Echo, startUpstream } from '../harness/upstream.ts'
import { openWebSocket } from '../harness/websocket.ts'

/** What a listener can ask of its clients, or be for them, beside plain and encrypted HTTP. */

const t = { after }
const upstream = await startUpstream(t, undefined, { websocket: (socket) => socket.send('welcome') })

describe('a listener that asks for client certificates', async () => {
  const folder = await tempFolder(t)
  const authority = await selfSigned(['Members'], { authority: true })
  const member = await selfSigned(['alice'], { ca: authority })
  const stranger = await selfSigned(['mallory'], { ca: await selfSigned(['Others'], { authority: true }) })
  await writeFile(join(folder, 'members.pem'), authority.cert)
  const proxy = await startProxy(
    t,
    `
    listeners:
      members: { port: 0, address: 127.0.0.1, tls: true, clientCertificates: { ca: members.pem } }
      asking: { port: 0, address: 127.0.0.1, tls: true, clientCertificates: { ca: members.pem, require: false } }
    upstreams: { app: { targets: ["${upstream.url}"] } }
    routes: [{ name: app, to: app, listeners: [members, asking] }]
    `,
    { folder },
  )
  const ask = (listener: string, certificate?: Certificate): Promise<number> =>
    new Promise((resolve, reject) => {
      const options = { ...certificate, agent: false, rejectUnauthorized: false }
      requestHttps(proxy.url(listener), options, (response) => {
        response.resume()
        resolve(response.statusCode ?? 0)
      })
        .on('error', reject)
        .end()
    })
  const askHttp2 = (listener: string, certificate?: Certificate): Promise<number> =>
    new Promise((resolve, reject) => {
      const session = connectHttp2(proxy.url(listener), { ...certificate, rejectUnauthorized: false })
      onEnd(t, () => session.destroy())
      session.on('error', reject)
      session.on('close', () => reject(new Error('the connection was closed')))
      const stream = session.request({ ':path': '/' })
      stream.on('error', reject)
      stream.on('response', (head) => resolve(head[':status'] ?? 0))
    })

  for (const [version, send] of [
    ['HTTP/1.1', ask],
    ['HTTP/2', askHttp2],
  ] as const) {
    test(`lets a member in over ${version}, and nobody else`, async () => {
      assert.equal(await send('members', member), 200)
      const before = upstream.requests.length
      await assert.rejects(send('members'))
      await assert.rejects(send('members', stranger))
      await assert.rejects(send('members', await selfSigned(['alice'])))
      assert.equal(upstream.requests.length, before)
    })
    test(`lets everybody in over ${version} where it only asks`, async () => {
      for (const certificate of [member, stranger, undefined])
        assert.equal(await send('asking', certificate), 200)
    })
  }

  test('a WebSocket needs the certificate too', async (t) => {
    const address = proxy.url('members').replace('http', 'ws')
    await assert.rejects(openWebSocket(t, address))
    const client = await openWebSocket(t, address, member)
    assert.equal(`${await client.next()}`, 'welcome')
  })

  test('the log names who showed one that is believed, and nobody otherwise', async () => {
    const entries = await eventually(async () => {
      const lines = await proxy.accessLog()
      return lines.length >= 7 && lines
    })
    const subjects = entries.map(
      (line) => (line.request as { tls: { client_subject?: string } }).tls.client_subject,
    )
    assert.ok(subjects.includes('CN=alice'))
    assert.ok(subjects.includes(undefined))
    assert.ok(!subjects.some((subject) => subject?.includes('mallory')))
  })
})

describe('a listener behind HAProxy, which tells it the client', needs('haproxy'), () => {
  for (const version of ['send-proxy', 'send-proxy-v2'])
    test(`by ${version}`, async (t) => {
      const folder = await tempFolder(t)
      const front = await freePort()
      const proxy = await startProxy(
        t,
        `
        listeners: { https: { port: 0, address: 127.0.0.1, proxyProtocol: true } }
        trustedProxies: [127.0.0.1]
        upstreams: { app: { targets: ["${upstream.url}"] } }
        routes:
          - { name: app, to: app }
          - { name: near, match: { path: /near }, to: app, policies: { allow: [127.0.0.5] } }
        `,
      )
      const config = join(folder, 'haproxy.cfg')
      await writeFile(
        config,
        `defaults
  mode tcp
  timeout connect 5s
  timeout client 30s
  timeout server 30s
listen front
  bind 127.0.0.1:${front}
  server gatehouse 127.0.0.1:${proxy.port()} ${version}
`,
      )
      const haproxy = spawn(pathOf('haproxy'), ['-db', '-f', config], { stdio: 'ignore' })
      onEnd(t, async () => {
        haproxy.kill('SIGKILL')
        await once(haproxy, 'exit')
      })
      const url = `https://127.0.0.1:${front}`
      const first = await eventually(() => request(`${url}/x`, { from: '127.0.0.5' }))
      assert.equal((JSON.parse(first.text) as Echo).headers['x-forwarded-for'], '127.0.0.5')
      assert.equal((await request(`${url}/near`, { from: '127.0.0.5' })).status, 200)
      assert.equal((await request(`${url}/near`, { from: '127.0.0.6' })).status, 403)
      const tunnel = await openWebSocket(t, `wss://127.0.0.1:${front}/near`, { localAddress: '127.0.0.5' })
      assert.equal(`${await tunnel.next()}`, 'welcome')
      await assert.rejects(
        openWebSocket(t, `wss://127.0.0.1:${front}/near`, { localAddress: '127.0.0.6' }),
        /403/,
      )
      // Whoever comes around the front says nothing of clients, and is not heard.
      await assert.rejects(request(`${proxy.url()}/x`))
    })
})

describe('a plain listener with a folder for certbot', async () => {
  const folder = await tempFolder(t)
  const challenges = join(folder, 'acme/.well-known/acme-challenge')
  await mkdir(challenges, { recursive: true })
  await writeFile(join(challenges, 'token-1'), 'token-1.thumbprint')
  await writeFile(join(folder, 'acme/secret'), 'not for you')
  const proxy = await startProxy(
    t,
    `
    listeners:
      http: { port: 0, address: 127.0.0.1, redirect: https, acmeWebroot: acme }
      https: { port: 0, address: 127.0.0.1, publicPort: 8443 }
    routes: [{ name: all, files: . }]
    `,
    { folder },
  )
  const headers = { host: 'example.com' }
  const ask = (target: string): Promise<Reply> => request(proxy.url('http'), { target, headers })

  test('serves the challenge', async () => {
    const { status, text } = await ask('/.well-known/acme-challenge/token-1')
    assert.deepEqual([status, text], [200, 'token-1.thumbprint'])
  })

  const rows: [path: string, status: number][] = [
    ['/', 308],
    ['/.well-known/other', 308],
    ['/.well-known/acme-challenge', 308],
    ['/.well-known/acme-challenge/none', 404],
    ['/.well-known/acme-challenge/../../secret', 308],
    ['/.well-known/acme-challenge/..%2f..%2fsecret', 400],
    ['/.well-known/acme-challenge/', 404],
  ]
  for (const [path, status] of rows)
    test(`${path} is ${status}`, async () => {
      const reply = await ask(path)
      assert.equal(reply.status, status)
      assert.doesNotMatch(reply.text, /not for you/)
      if (status === 308) assert.match(reply.headers.location ?? '', /^https:\/\/example\.com:8443\//)
    })
})

// Whoever asked for a challenge before the first order ended the worker: a rejection that nobody awaited.
test('a folder for challenges that is not there costs an answer, and not the process', async () => {
  const proxy = await startProxy(
    t,
    `
    listeners: { http: { port: 0, address: 127.0.0.1, acmeWebroot: not-made-yet } }
    routes: []
    `,
  )
  for (let round = 0; round < 2; round++) {
    const reply = await request(proxy.url('http'), { target: '/.well-known/acme-challenge/token-1' })
    assert.equal(reply.status, 500)
    assert.doesNotMatch(reply.text, /not-made-yet/)
  }
})

describe('curl, which trusts nobody', needs('curl'), async () => {
  const folder = await tempFolder(t)
  const proxy = await startProxy(
    t,
    `
    listeners: { https: { port: 0, address: 127.0.0.1 } }
    upstreams: { app: { targets: ["${upstream.url}"] } }
    routes: [{ name: app, match: { host: [localhost, 127.0.0.1] }, to: app }]
    `,
    { folder },
  )
  const run = promisify(execFile)
  const curl = (...args: string[]) => run(pathOf('curl'), ['-sS', '--max-time', '10', ...args])

  test('refuses the certificate of the first start, until it is told to trust it', async () => {
    await assert.rejects(curl(proxy.url()), /certificate/)
    const made = execFileSync('find', [join(folder, 'certs'), '-name', '*.pem', '-o', '-name', '*.crt'])
    const [certificate = ''] = made.toString().trim().split('\n')
    assert.match(await readFile(certificate, 'utf8'), /BEGIN CERTIFICATE/)
    for (const host of ['localhost', '127.0.0.1'])
      for (const [option, version] of [
        ['--http1.1', '1.1'],
        ['--http2', '2'],
      ] as const) {
        const address = `https://${host}:${proxy.port()}/x`
        const { stdout } = await curl(option, '--cacert', certificate, '-w', '\n%{http_version}', address)
        const [body = '', spoken] = stdout.split('\n')
        assert.equal(spoken, version)
        assert.equal((JSON.parse(body) as Echo).url, '/x')
      }
  })

  test('sends and reads bodies over both versions', async () => {
    const file = join(folder, 'body')
    await writeFile(file, 'x'.repeat(2_000_000))
    for (const version of ['--http1.1', '--http2']) {
      const { stdout } = await run(pathOf('curl'), ['-sSk', version, '-T', file, `${proxy.url()}/put`], {
        maxBuffer: 8e6,
      })
      const { method, body } = JSON.parse(stdout) as Echo
      assert.deepEqual([method, body.length], ['PUT', 2_000_000])
    }
  })
})
