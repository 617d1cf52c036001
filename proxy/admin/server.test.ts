import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, statSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { suite, type TestContext, test } from 'node:test'
import { rawRequest } from '../../test/harness/raw-request.ts'
import { request } from '../../test/harness/request.ts'
import { tempFolder } from '../../test/harness/temp-folder.ts'
import { openAdmin } from './server.ts'
import type { AdminSource } from './source.ts'

const source: AdminSource = {
  version: '0.1.0',
  metrics: async () => '# HELP gatehouse_build_info x\n',
  readiness: () => ({ ready: true, reasons: [] }),
  routes: () => [],
  upstreams: () => [],
  automatic: () => [],
  tunnels: async () => ({}),
  decisions: async () => [],
  processes: () => ({ pid: 1, version: '0.1.0', change: undefined, workers: [] }),
  certificates: () => [{ cn: 'localhost', sans: ['localhost'], serial: '01', notAfter: 1_800_000_000_000 }],
}

async function open(t: TestContext, changes: Partial<AdminSource> = {}) {
  const admin = await openAdmin({ address: '127.0.0.1', port: 0, source: { ...source, ...changes } })
  t.after(() => admin.close())
  return { ...admin, port: Number(new URL(admin.url).port) }
}

suite('what it tells', () => {
  test('/healthz: the process lives, whatever else is wrong', async (t) => {
    const { url } = await open(t, { readiness: () => ({ ready: false, reasons: ['stopping'] }) })
    const reply = await request(`${url}/healthz`)
    assert.deepEqual([reply.status, reply.text], [200, 'ok\n'])
  })

  test('/readyz: 200 when ready', async (t) => {
    const reply = await request(`${(await open(t)).url}/readyz`)
    assert.equal(reply.status, 200)
    assert.deepEqual(JSON.parse(reply.text), { ready: true, reasons: [] })
  })

  test('/readyz: 503 and the reasons when not', async (t) => {
    const reasons = ['the last reload of routes.yaml failed: routes.yaml:3:1 is not YAML']
    const reply = await request(
      `${(await open(t, { readiness: async () => ({ ready: false, reasons }) })).url}/readyz`,
    )
    assert.equal(reply.status, 503)
    assert.deepEqual(JSON.parse(reply.text), { ready: false, reasons })
  })

  test('/metrics: the text, with the type that Prometheus expects', async (t) => {
    const reply = await request(`${(await open(t)).url}/metrics`)
    assert.equal(reply.headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8')
    assert.equal(reply.text, '# HELP gatehouse_build_info x\n')
  })

  test('/v1/certificates: names and when they end', async (t) => {
    const reply = await request(`${(await open(t)).url}/v1/certificates`)
    assert.deepEqual(JSON.parse(reply.text).certificates, [
      { cn: 'localhost', sans: ['localhost'], serial: '01', not_after: '2027-01-15T08:00:00.000Z' },
    ])
  })

  test('/: a page that links to all of it', async (t) => {
    const { url } = await open(t, { version: '<1>' })
    const { text, headers } = await request(url)
    assert.equal(headers['content-type'], 'text/html; charset=utf-8')
    assert.ok(text.includes('Gatehouse &#60;1&#62;'))
    const links = [...text.matchAll(/href="([^"]+)"/g)].map((found) => found[1])
    assert.deepEqual(links, [
      '/dashboard/',
      '/healthz',
      '/readyz',
      '/metrics',
      '/v1/routes',
      '/v1/upstreams',
      '/v1/tunnels',
      '/v1/decisions',
      '/v1/workers',
      '/v1/certificates',
    ])
    // No dashboard is open here.
    for (const link of links.slice(1)) assert.equal((await request(url + link)).status, 200)
  })

  test('HEAD is GET without the body', async (t) => {
    const reply = await request(`${(await open(t)).url}/metrics`, { method: 'HEAD' })
    assert.deepEqual([reply.status, reply.headers['content-length'], reply.text], [200, '30', ''])
  })
})

suite('what it refuses', () => {
  test('an address that is not there is a problem in JSON', async (t) => {
    const { url } = await open(t)
    for (const path of ['/nothing', '/metrics/', '/Metrics', '/v1', '//metrics', '/v1/routes/x']) {
      const reply = await request(url, { target: path })
      assert.equal(reply.status, 404, path)
      assert.equal(reply.headers['content-type'], 'application/problem+json')
      assert.equal(JSON.parse(reply.text).code, 'no_route')
    }
  })

  test('every method that could change something', async (t) => {
    const { url } = await open(t)
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
      const reply = await request(`${url}/v1/routes`, { method })
      assert.deepEqual([reply.status, reply.headers.allow], [405, 'GET, HEAD'], method)
    }
  })

  test('a path that cannot be decoded, without saying why', async (t) => {
    const reply = await request((await open(t)).url, { target: '/%zz' })
    assert.equal(reply.status, 404)
    assert.ok(!reply.text.includes('node_modules'))
  })

  test('what went wrong inside is for the log alone', async (t) => {
    t.mock.method(process.stderr, 'write', () => true)
    const { url } = await open(t, {
      metrics: () => Promise.reject(new Error('at /secret/path')),
      routes: () => {
        throw new Error('at /secret/path')
      },
    })
    for (const path of ['/metrics', '/v1/routes']) {
      const reply = await request(url + path)
      assert.equal(reply.status, 500)
      assert.equal(JSON.parse(reply.text).code, 'internal')
      assert.ok(!reply.text.includes('secret'))
    }
  })

  test('no other site is told that it may read', async (t) => {
    const { url } = await open(t)
    const { headers } = await request(`${url}/v1/routes`, { headers: { origin: 'https://evil.example' } })
    assert.equal(headers['access-control-allow-origin'], undefined)
    assert.equal(headers['cross-origin-resource-policy'], 'same-origin')
    assert.equal(headers['x-content-type-options'], 'nosniff')
    assert.match(String(headers['content-security-policy']), /default-src 'self'.*frame-ancestors 'none'/)
    assert.equal(headers['x-powered-by'], undefined)
  })
})

/**
 * Attack: a page of evil.example lets its name resolve to 127.0.0.1 and reads the admin listener as its own
 * origin. Mechanism: the browser checks names, and the name stayed the same. Fix: only local names are served.
 */
suite('DNS rebinding', () => {
  const refused = [
    'evil.example',
    'evil.example:9901',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    'localhost@evil.example',
    '127.0.0.1@evil.example',
    '192.168.1.5',
    '0.0.0.0',
    '[::]',
    '2130706433',
    '127.1',
    '0x7f000001',
    'localhost.',
    '[::1',
    'localhost:',
    'localhost:80:80',
    'local host',
  ]
  for (const host of refused)
    test(`Host "${host}" is misdirected`, async (t) => {
      const { url } = await open(t)
      const reply = await request(`${url}/v1/routes`, { headers: { host } })
      assert.ok([400, 421].includes(reply.status), String(reply.status))
      assert.ok(!reply.text.includes('routes"'))
    })
  for (const host of [
    'localhost',
    'LocalHost:1234',
    '127.0.0.1',
    '127.0.0.1:9901',
    '127.8.9.1',
    '[::1]',
    '[::1]:9901',
    '[::ffff:127.0.0.1]',
  ])
    test(`Host "${host}" is served`, async (t) => {
      const { url } = await open(t)
      assert.equal((await request(`${url}/v1/routes`, { headers: { host } })).status, 200)
    })
  test('a request with no Host, an empty one, or two is refused', async (t) => {
    const { port } = await open(t)
    for (const head of [
      'GET /v1/routes HTTP/1.0\r\n\r\n',
      'GET /v1/routes HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n',
      'GET /v1/routes HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n',
    ]) {
      const { statuses } = await rawRequest(port, head)
      assert.equal(statuses.length, 1)
      assert.ok([400, 421].includes(statuses[0] ?? 0), `${head} ${statuses}`)
    }
  })
})

suite('where it is', () => {
  for (const address of [
    '0.0.0.0',
    '::',
    '192.168.1.5',
    '10.0.0.1',
    'example.com',
    '',
    '127.1',
    '::ffff:10.0.0.1',
  ])
    test(`never on "${address}"`, async () => {
      await assert.rejects(
        openAdmin({ address, port: 0, source }),
        /^Error: admin\.address: ".*" is not a loopback address/,
      )
    })

  test('on ::1', async (t) => {
    const admin = await openAdmin({ address: '::1', port: 0, source })
    t.after(() => admin.close())
    assert.match(admin.url, /^http:\/\/\[::1\]:\d+$/)
    assert.equal((await request(`${admin.url}/healthz`)).status, 200)
  })

  test('a port in use is one clear sentence', async (t) => {
    const { port } = await open(t)
    await assert.rejects(openAdmin({ address: '127.0.0.1', port, source }), {
      message: `admin.port: port ${port} of 127.0.0.1 is in use by another process; stop it or choose another`,
    })
  })

  test('closing lets go of the port, even while a client keeps its connection', async (t) => {
    const first = await openAdmin({ address: '127.0.0.1', port: 0, source })
    const agent = new http.Agent({ keepAlive: true })
    t.after(() => agent.destroy())
    await request(`${first.url}/healthz`, { agent })
    await first.close()
    const second = await openAdmin({ address: '127.0.0.1', port: Number(new URL(first.url).port), source })
    await second.close()
  })
})

suite('on a unix socket', () => {
  async function openSocket(t: TestContext, socket: string) {
    const admin = await openAdmin({ address: '127.0.0.1', port: 0, socket, source })
    t.after(() => admin.close())
    return admin
  }
  function ask(socketPath: string, host = 'localhost'): Promise<number | undefined> {
    return new Promise((resolve, reject) => {
      http
        .get({ socketPath, path: '/healthz', headers: { host }, agent: false }, (response) => {
          response.resume()
          resolve(response.statusCode)
        })
        .on('error', reject)
    })
  }
  /** What a process that was killed leaves behind. */
  async function abandonSocket(path: string): Promise<void> {
    execFileSync(
      process.execPath,
      [
        '-e',
        `require('node:net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`,
      ],
      { stdio: 'ignore' },
    )
  }

  test('it answers its owner and the group, in a folder that did not exist, and goes when it closes', async (t) => {
    const path = join(await tempFolder(t), 'run', 'admin.sock')
    const umask = process.umask()
    const admin = await openSocket(t, path)
    assert.equal(admin.url, `unix:${path}`)
    assert.equal(await ask(path), 200)
    assert.equal(await ask(path, 'evil.example'), 421)
    assert.equal(statSync(path).mode & 0o777, 0o660)
    assert.equal(process.umask(), umask)
    await admin.close()
    assert.equal(existsSync(path), false)
  })

  test('one that a killed process left behind is replaced', async (t) => {
    const path = join(await tempFolder(t), 'admin.sock')
    await abandonSocket(path).catch(() => {})
    assert.ok(statSync(path).isSocket())
    await openSocket(t, path)
    assert.equal(await ask(path), 200)
  })

  test('one that somebody answers stays theirs', async (t) => {
    const path = join(await tempFolder(t), 'admin.sock')
    const other = createServer((socket) => socket.end()).listen(path)
    t.after(() => void other.close())
    await once(other, 'listening')
    await assert.rejects(openSocket(t, path), {
      message: `admin.socket: ${path} is in use by another process; stop it or choose another`,
    })
    assert.ok(statSync(path).isSocket())
  })

  test('a file of that name stays untouched', async (t) => {
    const path = join(await tempFolder(t), 'admin.sock')
    writeFileSync(path, 'precious')
    await assert.rejects(openSocket(t, path), {
      message: `admin.socket: ${path} is a file and not a socket; it stays untouched`,
    })
    assert.equal(statSync(path).size, 8)
  })
})
