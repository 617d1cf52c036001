import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createSecretKey, randomBytes } from 'node:crypto'
import { after, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { type JWTPayload, SignJWT } from 'jose'
import { eventually } from '../../harness/eventually.ts'
import { needs, pathOf } from '../../harness/parts.ts'
import { tempFolder } from '../../harness/temp-folder.ts'
import { startScene, startVisits } from './scene.ts'

/** The API under /flask, through the proxy. */

const scene = await startScene({ after })
const { url, secret, password } = scene
const right = await scene.token()
const visitsOf = (text: string) => JSON.parse(text).visits as number

describe('the commands that clients of this API have always used', needs('curl'), () => {
  const curl = async (...args: string[]) => {
    const { stdout } = await promisify(execFile)(pathOf('curl'), ['-k', '-s', ...args])
    return JSON.parse(stdout)
  }
  const json = ['-H', 'Content-Type: application/json']
  const login = (version: string) =>
    curl(
      version,
      '-X',
      'POST',
      `${url}/flask/auth/login`,
      ...json,
      '-d',
      `{"username":"admin","password":"${password}"}`,
    )

  for (const version of ['--http1.1', '--http2'])
    test(`sign in, ping, and count five times, with ${version}`, async () => {
      assert.deepEqual(await curl(version, `${url}/flask/api/ping`), { status: 'ok' })
      const { token, ...others } = await login(version)
      assert.match(token, /^eyJhbGciOiJIUzI1NiIs/)
      assert.deepEqual(others, {})
      const numbers: number[] = []
      for (let i = 0; i < 5; i++) {
        const { visits } = await curl(
          version,
          `${url}/flask/api/count`,
          '-H',
          `Authorization: Bearer ${token}`,
        )
        numbers.push(visits)
      }
      const [first = 0] = numbers
      assert.ok(first > 0)
      assert.deepEqual(
        numbers,
        [0, 1, 2, 3, 4].map((more) => first + more),
      )
    })
})

test('a token is signed with HS256 by the shared key, and good for one hour', () => {
  const [head = '', claims = ''] = right.split('.')
  const read = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString())
  assert.deepEqual(read(head), { alg: 'HS256', typ: 'JWT' })
  const { iss, sub, iat, exp } = read(claims)
  assert.deepEqual([iss, sub, exp - iat], ['visits', 'admin', 3600])
})

describe('a token that is not right', () => {
  const now = Math.floor(Date.now() / 1000)
  const claims = { iss: 'visits', sub: 'admin', iat: now, exp: now + 3600 }
  const [head = '', body = '', signature = ''] = right.split('.')
  const base64 = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const sign = (payload: JWTPayload, key: string | Buffer = secret, alg = 'HS256') =>
    new SignJWT(payload).setProtectedHeader({ alg }).sign(createSecretKey(Buffer.from(key)))

  const rows: [kind: string, token: () => string | Promise<string>][] = [
    ['of another key', () => sign(claims, randomBytes(32))],
    ['expired', () => sign({ ...claims, iat: now - 7200, exp: now - 3600 })],
    ['without an end', () => sign({ iss: 'visits', sub: 'admin' })],
    ['of another issuer', () => sign({ ...claims, iss: 'photos' })],
    ['of another algorithm', () => sign(claims, `${secret}${secret}`, 'HS512')],
    ['with alg none', () => `${base64({ alg: 'none' })}.${base64(claims)}.`],
    ['with alg none and a signature', () => `${base64({ alg: 'none' })}.${base64(claims)}.${signature}`],
    ['with other claims', () => `${head}.${base64({ ...claims, sub: 'root' })}.${signature}`],
    ['with half a signature', () => `${head}.${body}.${signature.slice(0, 20)}`],
    ['that is none', () => 'eyJ'],
    ['that is empty', () => ''],
  ]
  const doors: [door: string, ask: (headers: Record<string, string>) => Promise<{ status: number }>][] = [
    ['HTTP/1.1', (headers) => scene.ask('/flask/api/count', { headers })],
    ['HTTP/2', (headers) => scene.askHttp2('/flask/api/count', { headers })],
    [
      'an upgrade',
      (headers) =>
        scene.ask('/flask/api/count', {
          headers: {
            ...headers,
            connection: 'Upgrade',
            upgrade: 'websocket',
            'sec-websocket-version': '13',
            'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
          },
        }),
    ],
  ]

  // A service that stands still answers nobody: whatever is answered now, the proxy has answered by itself.
  test('is refused before the service is reached', async (t) => {
    const before = visitsOf((await scene.count(right)).text)
    scene.service.child.kill('SIGSTOP')
    t.after(() => scene.service.child.kill('SIGCONT'))
    for (const [door, ask] of doors) {
      assert.equal((await ask({})).status, 401, `none, over ${door}`)
      for (const [kind, token] of rows)
        assert.equal(
          (await ask({ authorization: `Bearer ${await token()}` })).status,
          401,
          `${kind}, over ${door}`,
        )
    }
    scene.service.child.kill('SIGCONT')
    // If it stood still for long, the proxy has noticed, and waits until it is well again.
    const { text } = await eventually(
      async () => {
        const reply = await scene.count(right)
        return reply.status === 200 && reply
      },
      { timeout: 30_000, every: 100 },
    )
    assert.equal(visitsOf(text), before + 1)
  })

  test('is refused by the service, too', async () => {
    assert.equal(await scene.askService('/flask/api/count'), 401)
    for (const [kind, token] of rows)
      assert.equal(
        await scene.askService('/flask/api/count', { authorization: `Bearer ${await token()}` }),
        401,
        kind,
      )
    assert.equal(await scene.askService('/flask/api/count', { authorization: `Bearer ${right}` }), 200)
  })
})

describe('what cannot be understood', () => {
  const login = '/flask/auth/login'
  const json = { 'content-type': 'application/json' }
  const rows: [
    what: string,
    status: number,
    says: RegExp,
    path: string,
    ask: Parameters<typeof scene.ask>[1],
  ][] = [
    ['half a JSON', 400, /JSON/, login, { method: 'POST', headers: json, body: '{"username":' }],
    ['a list', 400, /field/, login, { method: 'POST', headers: json, body: '[]' }],
    [
      'no name',
      400,
      /"field":"username"/,
      login,
      { method: 'POST', headers: json, body: '{"password":"x"}' },
    ],
    [
      'no password',
      400,
      /"field":"password"/,
      login,
      { method: 'POST', headers: json, body: '{"username":"x"}' },
    ],
    [
      'a name of numbers',
      400,
      /"field":"username"/,
      login,
      { method: 'POST', headers: json, body: '{"username":1,"password":"x"}' },
    ],
    [
      'a password of two thousand characters',
      400,
      /"field":"password"/,
      login,
      { method: 'POST', headers: json, body: JSON.stringify({ username: 'x', password: 'x'.repeat(2000) }) },
    ],
    ['a form', 415, /Send JSON/, login, { method: 'POST', body: 'username=x&password=y' }],
    [
      '20 KB',
      413,
      /./,
      login,
      { method: 'POST', headers: json, body: JSON.stringify({ x: 'x'.repeat(20_000) }) },
    ],
    ['GET where there is POST', 405, /takes POST/, login, {}],
    ['POST where there is GET', 405, /takes GET/, '/flask/api/ping', { method: 'POST' }],
    ['another path', 404, /nothing at/, '/flask/api/none', {}],
  ]
  for (const [what, status, says, path, ask] of rows)
    test(`${what} is ${status}, and says why`, async () => {
      const reply = await scene.ask(path, ask)
      assert.equal(reply.status, status)
      assert.match(String(reply.headers['content-type']), /^application\/problem\+json/)
      assert.match(reply.text, says)
      assert.equal(JSON.parse(reply.text).status, status)
    })

  test('HEAD does not count', async () => {
    const headers = { authorization: `Bearer ${right}` }
    const before = visitsOf((await scene.count(right)).text)
    const { status, headers: fields } = await scene.ask('/flask/api/count', { method: 'HEAD', headers })
    assert.deepEqual([status, fields.allow], [405, 'GET'])
    assert.equal(visitsOf((await scene.count(right)).text), before + 1)
  })
})

test('no answer with a token or a number is kept by anybody on the way', async () => {
  for (const { headers } of [await scene.count(right), await scene.login({ username: 'admin', password })])
    assert.equal(headers['cache-control'], 'no-store')
})

test('/flask leads to the page that shows the API', async () => {
  for (const path of ['/flask', '/flask/', '/flask/swagger']) {
    const { headers } = await scene.ask(path)
    assert.equal(headers.location, '/flask/swagger/', path)
  }
})

test('a restart of the service loses neither visits nor tokens', async () => {
  const before = visitsOf((await scene.count(right)).text)
  assert.equal(await scene.service.stop(), 0)
  assert.equal((await scene.count(right)).status, 503)
  await scene.startService()
  const { status, text } = await scene.count(right)
  assert.deepEqual([status, visitsOf(text)], [200, before + 1])
})

test('a service with wrong settings does not start, and names all of them at once, without their values', async (t) => {
  const service = startVisits(t, {
    cwd: await tempFolder(t),
    env: {
      SECRET_KEY: 'tooshort'.padEnd(40),
      REDIS_URL: 'localhost:6379',
      DATABASE_URL: 'mysql://x',
      FIRST_PASSWORD: 'short',
      PORT: 'x',
    },
  })
  await new Promise((resolve) => service.child.once('close', resolve))
  assert.equal(service.child.exitCode, 2)
  const said = service.log().map(({ message }) => String(message))
  const named = said.map((line) => /^setting (\w+)/.exec(line)?.[1])
  assert.deepEqual(named.sort(), ['DATABASE_URL', 'FIRST_PASSWORD', 'PORT', 'REDIS_URL', 'SECRET_KEY'])
  assert.ok(!said.join().includes('tooshort'))
})
