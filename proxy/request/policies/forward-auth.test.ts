import assert from 'node:assert/strict'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { type SampleFacts, sampleFacts } from '../../../test/harness/facts.ts'
import { readOptions, sampleUpgrade } from '../../../test/harness/policies.ts'
import type { Facts } from '../facts.ts'
import { forwardAuth } from './forward-auth.ts'
import type { Policy, Verdict } from './policy.ts'

/** An authentication service, and a policy that asks it. */
async function service(
  t: TestContext,
  handle: (request: IncomingMessage, response: ServerResponse) => void,
  written: object = {},
) {
  const asked: IncomingMessage[] = []
  const sockets = new Set<Socket>()
  const server = createServer((request, response) => {
    asked.push(request)
    sockets.add(request.socket)
    handle(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/verify?app=1`
  return { policy: forwardAuth(readOptions('forwardAuth', { url, ...written })), asked, sockets, server }
}

async function decide(policy: Policy, facts: Facts): Promise<Verdict> {
  const verdict = await policy.decide?.(facts)
  assert.ok(verdict)
  return verdict
}

/** As a request and as a handshake: what one may not, the other may not. */
async function judge(
  policy: Policy,
  rest: SampleFacts & { headers?: readonly string[] } = {},
): Promise<Verdict> {
  const verdict = await decide(policy, sampleFacts(rest))
  assert.deepEqual(await decide(policy, sampleUpgrade(rest)), verdict, 'an upgrade is judged alike')
  return verdict
}

test('the service is asked with GET, the address as it was decided on, and the chosen fields alone', async (t) => {
  const { policy, asked } = await service(t, (_request, response) => response.writeHead(200).end())
  await decide(
    policy,
    sampleFacts({
      method: 'POST',
      path: '/a%20b',
      query: '?c=d',
      authority: 'photos.example:8443',
      client: '2001:db8::7',
      headers: [
        'Cookie',
        'a=1',
        'cookie',
        'b=2',
        'Authorization',
        'Bearer x',
        'Content-Length',
        '9',
        'X-Secret',
        'y',
      ],
    }),
  )
  const { method, url, headers } = asked[0] as IncomingMessage
  assert.equal(`${method} ${url}`, 'GET /verify?app=1')
  const { host: _host, connection: _connection, ...sent } = headers
  assert.deepEqual(sent, {
    'x-forwarded-method': 'POST',
    'x-forwarded-proto': 'https',
    'x-forwarded-host': 'photos.example:8443',
    'x-forwarded-uri': '/a%20b?c=d',
    'x-forwarded-for': '2001:db8::7',
    cookie: 'a=1; b=2',
    authorization: 'Bearer x',
  })
})

test('2xx passes, with the granted fields and no others', async (t) => {
  const { policy } = await service(
    t,
    (_request, response) =>
      response
        .writeHead(204, {
          'Remote-User': Buffer.from('jürgen').toString('latin1'),
          'Remote-Groups': 'a',
          'X-Other': 'b',
        })
        .end(),
    { responseHeaders: ['Remote-User', 'Remote-Groups', 'Remote-Email'] },
  )
  const verdict = await judge(policy)
  assert.deepEqual(verdict, {
    verdict: 'pass',
    requestHeaders: [
      ['remote-user', Buffer.from('jürgen').toString('latin1')],
      ['remote-groups', 'a'],
    ],
    user: 'jürgen',
  })
})

test('what the service may set is taken from what the client sent, under every spelling', async (t) => {
  const { policy } = await service(t, (_request, response) => response.end(), {
    responseHeaders: ['Remote-User'],
  })
  const sent = [
    'Host',
    'x',
    'Remote-User',
    'root',
    'REMOTE_USER',
    'root',
    'remote_User',
    'root',
    'Remote-Users',
    'kept',
  ]
  policy.editRequest?.(sampleFacts(), sent)
  assert.deepEqual(sent, ['Host', 'x', 'Remote-Users', 'kept'])
})

// The attack: the service says yes to the tenant that it is shown, and the upstream acts for the other.
test('of a field that the service is shown, no spelling goes on that it was not shown', async (t) => {
  const { policy } = await service(t, (_request, response) => response.end(), {
    requestHeaders: ['X-Tenant', 'x_team'],
  })
  const kept = ['Host', 'x', 'x-tenant', 'ours', 'X_Team', 'ours', 'X-Team', 'ours', 'X_Other', 'kept']
  const sent = ['X_Tenant', 'theirs', ...kept, 'x_TENANT', 'theirs']
  policy.editRequest?.(sampleFacts(), sent)
  assert.deepEqual(sent, kept)
})

for (const [status, shown] of [
  [302, 'the redirect to its login page'],
  [303, 'another redirect'],
  [401, 'its challenge'],
  [403, 'its refusal'],
] as const) {
  test(`${status}: ${shown} is shown, with the fields that signing in takes and no others`, async (t) => {
    const { policy } = await service(t, (_request, response) =>
      response
        .writeHead(status, {
          Location: 'https://id.example/?rd=1',
          'Set-Cookie': ['a=1', 'b=2'],
          'Content-Type': 'text/html',
          'Content-Length': '5',
          Connection: 'close',
          'Strict-Transport-Security': 'max-age=1',
          'Remote-User': 'x',
        })
        .end('hello'),
    )
    const verdict = await judge(policy)
    assert.ok(verdict.verdict === 'answer')
    assert.equal(verdict.status, status)
    assert.equal(String(verdict.body), 'hello')
    assert.deepEqual(verdict.headers, [
      ['location', 'https://id.example/?rd=1'],
      ['set-cookie', 'a=1'],
      ['set-cookie', 'b=2'],
      ['content-type', 'text/html'],
      ['cache-control', 'no-store'],
    ])
  })
}

test('a body that is too long, or coded, is left out', async (t) => {
  for (const [headers, body] of [
    [{}, 'x'.repeat(100_000)],
    [{ 'Content-Encoding': 'gzip' }, 'x'],
  ] as const) {
    const { policy } = await service(t, (_request, response) =>
      response.writeHead(403, { 'Content-Type': 'text/html', ...headers }).end(body),
    )
    const verdict = await judge(policy)
    assert.ok(verdict.verdict === 'answer')
    assert.equal(verdict.body, undefined)
    assert.deepEqual(verdict.headers, [['cache-control', 'no-store']])
  }
})

type Handler = (request: IncomingMessage, response: ServerResponse) => void
const unclear: readonly [what: string, handle: Handler, reason: RegExp][] = [
  ['500', (_request, response) => response.writeHead(500).end(), /answered 500$/],
  ['404', (_request, response) => response.writeHead(404).end(), /answered 404$/],
  ['304', (_request, response) => response.writeHead(304).end(), /answered 304$/],
  ['429', (_request, response) => response.writeHead(429).end(), /answered 429$/],
  ['a reset', (request) => request.socket.resetAndDestroy(), /ECONNRESET|socket hang up/],
  ['no HTTP', (request) => request.socket.end('nonsense\r\n\r\n'), /Parse Error/],
  ['silence', () => {}, /no answer within 200 ms$/],
  [
    '200 and a body without end',
    (_request, response) => response.writeHead(200).write('x'),
    /no answer within 200 ms$/,
  ],
]
for (const [what, handle, reason] of unclear) {
  test(`${what} is no yes: forward_auth_unavailable, for an upgrade too`, async (t) => {
    const { policy } = await service(t, handle, { timeout: '200ms' })
    for (const facts of [sampleFacts(), sampleUpgrade()]) {
      const verdict = await decide(policy, facts)
      assert.ok(verdict.verdict === 'deny')
      assert.equal(verdict.code, 'forward_auth_unavailable')
      assert.match(verdict.reason, reason)
    }
  })
}

test('a service that is not there: forward_auth_unavailable', async (t) => {
  const { policy, server } = await service(t, () => {})
  server.close()
  const verdict = await judge(policy)
  assert.ok(verdict.verdict === 'deny' && verdict.code === 'forward_auth_unavailable')
  assert.match(verdict.reason, /ECONNREFUSED/)
})

test('a kept connection that has died in between is no failure', async (t) => {
  const { policy, asked, sockets } = await service(t, (_request, response) => response.writeHead(200).end())
  assert.equal((await decide(policy, sampleFacts())).verdict, 'pass')
  for (const socket of sockets) socket.resetAndDestroy()
  // At once, before the reset has been seen.
  assert.equal((await decide(policy, sampleFacts())).verdict, 'pass')
  assert.equal(asked.length, 2)
})

test('one connection serves many questions', async (t) => {
  const { policy, sockets } = await service(t, (_request, response) => response.writeHead(200).end('fine'))
  for (let i = 0; i < 10; i++) await decide(policy, sampleFacts())
  assert.equal(sockets.size, 1)
})

test('a service that stalls holds a thousand exchanges and no more', async (t) => {
  const { policy } = await service(t, () => {}, { timeout: '1s' })
  const held = Array.from({ length: 1000 }, () => decide(policy, sampleFacts()))
  const verdict = await decide(policy, sampleFacts())
  assert.ok(verdict.verdict === 'deny')
  assert.match(verdict.reason, /1000 questions wait/)
  const codes = (await Promise.all(held)).map((one) => one.verdict === 'deny' && one.code)
  assert.deepEqual([...new Set(codes)], ['forward_auth_unavailable'])
})

test('a rehearsal asks nobody, and is refused', async (t) => {
  const { policy, asked } = await service(t, (_request, response) => response.end())
  const verdict = await judge(policy, { rehearsal: true })
  assert.ok(verdict.verdict === 'deny' && verdict.code === 'forward_auth_unavailable')
  assert.match(verdict.reason, /^not asked in a rehearsal/)
  assert.equal(asked.length, 0)
})

test('an observed route is refused in the log, never answered in the place of the upstream', async (t) => {
  const { policy } = await service(
    t,
    (_request, response) => response.writeHead(302, { location: '/' }).end(),
    {
      mode: 'observe',
    },
  )
  const verdict = await judge(policy)
  assert.ok(verdict.verdict === 'deny' && verdict.code === 'forward_auth_denied')
})

const refused: readonly [written: object, message: RegExp][] = [
  [{ url: 'http://a:b@127.0.0.1/' }, /may hold neither a user nor a #fragment/],
  [{ requestHeaders: ['Content-Length'] }, /^requestHeaders: "content-length" cannot be shown/],
  [{ requestHeaders: ['X-Forwarded-For'] }, /^requestHeaders: "x-forwarded-for" cannot be shown/],
  [{ responseHeaders: ['Transfer-Encoding'] }, /^responseHeaders: "transfer-encoding" cannot be set/],
  [{ responseHeaders: ['Host'] }, /^responseHeaders: "host" cannot be set/],
]
for (const [written, message] of refused) {
  test(`${JSON.stringify(written)} is refused when the route is built`, () => {
    assert.throws(() => forwardAuth(readOptions('forwardAuth', { url: 'http://127.0.0.1/', ...written })), {
      message,
    })
  })
}
