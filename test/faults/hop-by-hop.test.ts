/**
 * What belongs to one connection ends with it (RFC 9110 §7.6.1).
 *
 * Attacks and faults: fields named in `Connection` reach the upstream; an upstream that sends `Upgrade`,
 * `Keep-Alive` or status 999 to an HTTP/2 client kills the process, because HTTP/2 forbids them and the library
 * throws; an upstream's `Connection: close` closes the client's connection and loses what was pipelined on it.
 *
 * Right: stripped first, both ways; the two connections know nothing of each other.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { connectHttp2 } from '../harness/http2.ts'
import { rawRequest } from '../harness/raw-request.ts'
import { startScriptedUpstream } from '../harness/scripted-upstream.ts'
import { startUpstream } from '../harness/upstream.ts'
import { upgradeHead } from '../harness/websocket.ts'
import { doors, finalHead, knock, openScene, servesTheNext, startEcho } from './scene.ts'

const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
const get = 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'

describe('of a request', () => {
  const own = [
    ['Keep-Alive', 'timeout=9'],
    ['Proxy-Connection', 'keep-alive'],
    ['Proxy-Authorization', 'Basic eDp5'],
    ['TE', 'trailers'],
    ['Trailer', 'x'],
    ['HTTP2-Settings', 'AAMAAABk'],
  ] as const
  for (const door of doors) {
    test(`nothing of the client's connection passes, over ${door}`, async (t) => {
      const upstream = await startEcho(t)
      const scene = await openScene(t, upstream.url)
      // HTTP/2 itself refuses those that it does not know.
      const headers = door === 'HTTP/2' ? own.filter(([name]) => /^(proxy-a|te$|trailer)/i.test(name)) : own
      assert.equal(await knock(t, scene, door, { headers }), door === 'upgrade' ? 101 : 200)
      for (const [name] of headers)
        assert.equal(upstream.requests[0]?.headers[name.toLowerCase()], undefined, name)
    })
  }

  test('nor does what Connection names, said once or twice, whatever its case', async (t) => {
    const upstream = await startEcho(t)
    const scene = await openScene(t, upstream.url)
    const fields = 'Connection: close, X-one\r\nConnection: x-TWO\r\nX-One: 1\r\nX-Two: 2\r\nX-Three: 3\r\n'
    await rawRequest(scene.plain, `GET / HTTP/1.1\r\nHost: localhost\r\n${fields}\r\n`, { until: finalHead })
    const { headers = {} } = upstream.requests[0] ?? {}
    assert.deepEqual([headers['x-one'], headers['x-two'], headers['x-three']], [undefined, undefined, '3'])
  })

  test('a wish for h2c or TLS is not passed on', async (t) => {
    const upstream = await startEcho(t)
    const scene = await openScene(t, upstream.url)
    for (const protocol of ['h2c', 'TLS/1.0', 'foo']) {
      const fields = `Connection: Upgrade, HTTP2-Settings\r\nUpgrade: ${protocol}\r\nHTTP2-Settings: AAMAAABk\r\n`
      const reply = await rawRequest(scene.plain, `GET / HTTP/1.1\r\nHost: localhost\r\n${fields}\r\n`, {
        until: finalHead,
      })
      assert.deepEqual(reply.statuses, [200])
    }
    for (const { headers } of upstream.requests) assert.equal(headers.upgrade, undefined)
  })
})

describe('of a response', () => {
  const own = [
    'Upgrade: h2c',
    'Keep-Alive: timeout=5',
    'Proxy-Connection: keep-alive',
    'HTTP2-Settings: x',
    'Proxy-Authenticate: Basic',
    'TE: x',
    'Connection: X-Mine, keep-alive',
    'X-Mine: secret',
  ].join('\r\n')
  const response = `HTTP/1.1 200 OK\r\n${own}\r\nX-Other: kept\r\nContent-Length: 2\r\n\r\nok`
  const gone = /h2c|timeout=5|proxy-|http2-settings|te: x|x-mine|secret/i

  test("nothing of the upstream's connection passes, over HTTP/1.1", async (t) => {
    const upstream = await startScriptedUpstream(t, [response])
    const scene = await openScene(t, upstream.url)
    const reply = await rawRequest(scene.plain, get, { until: /ok$/ })
    assert.match(reply.text, /x-other: kept/i)
    assert.doesNotMatch(reply.text, gone)
  })

  test('nor over HTTP/2, which it would break', async (t) => {
    const upstream = await startScriptedUpstream(t, [response])
    const scene = await openScene(t, upstream.url)
    const reply = await (await connectHttp2(t, scene.secure)).request('/')
    assert.deepEqual([reply.status, reply.text, reply.headers['x-other']], [200, 'ok', 'kept'])
    assert.doesNotMatch(JSON.stringify(reply.headers), gone)
  })

  test('nor of one that refuses an upgrade', async (t) => {
    const upstream = await startScriptedUpstream(t, [response.replace('200 OK', '403 No')])
    const scene = await openScene(t, upstream.url)
    const reply = await rawRequest(scene.plain, upgradeHead('/', 'localhost'), { until: /ok$/ })
    assert.deepEqual(reply.statuses, [403])
    assert.match(reply.text, /x-other: kept/i)
    assert.doesNotMatch(reply.text, gone)
  })

  test('nor of one that accepts it', async (t) => {
    const switched = `HTTP/1.1 101 Go\r\n${own.replace('h2c', 'websocket').replace('X-Mine,', 'X-Mine, Upgrade,')}`
    const upstream = await startScriptedUpstream(t, [`${switched}\r\nX-Other: kept\r\n\r\nearly`])
    const scene = await openScene(t, upstream.url)
    const reply = await rawRequest(scene.plain, upgradeHead('/', 'localhost'), { until: /early$/ })
    assert.deepEqual(reply.statuses, [101])
    assert.match(reply.text, /x-other: kept/i)
    assert.doesNotMatch(reply.text, gone)
  })

  for (const status of ['999', '600', '099', '000', '1000', '20', '-200', '2e2', '+200']) {
    test(`status ${status} is 502, over HTTP/1.1, HTTP/2 and for an upgrade`, async (t) => {
      const upstream = await startScriptedUpstream(t, [`HTTP/1.1 ${status} Odd\r\nContent-Length: 0\r\n\r\n`])
      const scene = await openScene(t, upstream.url)
      for (const door of doors) assert.equal(await knock(t, scene, door, {}), 502, door)
      assert.equal(scene.proxy.gatehouse.inFlight.size, 0)
    })
  }
})

/** Names of one hop, names that only Connection may make so, and names that nothing may take away. */
const ofTheHop = ['Keep-Alive', 'Proxy-Connection', 'TE', 'Trailer', 'HTTP2-Settings', 'Proxy-Authenticate']
const ofAnyone = ['X-One', 'X-Two', 'x-three', 'X-FOUR', 'Cache-Control', 'ETag', 'Accept-Language']
const ofOurs = ['X-Forwarded-For', 'X-Forwarded-Proto', 'X-Request-Id', 'Host', 'Content-Length']

/** Fields in any order, and what Connection names of them, in any case, on any number of lines. */
const anyFields = fc.record({
  fields: fc.shuffledSubarray([...ofTheHop, ...ofAnyone]),
  named: fc.array(
    fc.tuple(
      fc.constantFrom(...ofAnyone, ...ofOurs, 'close', 'keep-alive', '', 'nobody'),
      fc.constantFrom('as it is', 'lower', 'upper', 'padded'),
    ),
    { maxLength: 6 },
  ),
  lines: fc.integer({ min: 1, max: 3 }),
})

function write({
  fields,
  named,
  lines,
}: {
  fields: string[]
  named: [string, string][]
  lines: number
}): string {
  const spelled = named.map(([name, how]) =>
    how === 'lower'
      ? name.toLowerCase()
      : how === 'upper'
        ? name.toUpperCase()
        : how === 'padded'
          ? ` \t${name} `
          : name,
  )
  const connections = Array.from({ length: lines }, (_, line) =>
    spelled.filter((_, at) => at % lines === line),
  )
  return [
    ...fields.map((name) => `${name}: secret`),
    ...connections.map((names) => `Connection: ${names.join(',')}`),
  ].join('\r\n')
}

test('whatever either side says of its connection, what it names ends here, and nothing else does', async (t) => {
  let answer = ''
  const upstream = await startScriptedUpstream(t, () => [answer, 'END'])
  const scene = await openScene(t, upstream.url)
  await fc.assert(
    fc.asyncProperty(anyFields, anyFields, async (asked, answered) => {
      answer = `HTTP/1.1 200 OK\r\n${write(answered)}\r\nContent-Length: 2\r\n\r\nok`
      const reply = await rawRequest(
        scene.plain,
        `GET / HTTP/1.1\r\nHost: localhost\r\n${write(asked)}\r\n\r\n`,
        // In chunks where the upstream gave its length away as a field of the connection.
        { until: /ok(\r\n0\r\n\r\n)?$/ },
      )
      const received = upstream.connections.at(-1)?.received ?? ''
      assert.deepEqual(reply.statuses, [200])
      for (const [text, said] of [
        [received, asked],
        [reply.text, answered],
      ] as const) {
        const named = new Set(said.named.map(([name]) => name.toLowerCase()))
        const passed = [...text.matchAll(/^([^:\r\n]+): secret\r$/gm)].map(([, name = '']) =>
          name.toLowerCase(),
        )
        const due = said.fields.filter((name) => ofAnyone.includes(name) && !named.has(name.toLowerCase()))
        assert.deepEqual(passed.sort(), due.map((name) => name.toLowerCase()).sort())
      }
      // What is ours is there, whatever was named.
      for (const name of ['x-forwarded-for: 127.0.0.1', 'x-forwarded-proto: http', 'host: localhost'])
        assert.ok(received.toLowerCase().includes(`\r\n${name}\r\n`), name)
    }),
    { numRuns: 150 },
  )
})

describe("an upstream that closes its connection does not close the client's", () => {
  test('requests that were pipelined are all answered, in order', async (t) => {
    const upstream = await startUpstream(t, (request, response) => {
      response.writeHead(200, { Connection: 'close', 'Content-Type': 'text/plain' }).end(`<${request.url}>`)
    })
    const scene = await openScene(t, upstream.url)
    const pipelined = [1, 2, 3].map((n) => `GET /${n} HTTP/1.1\r\nHost: localhost\r\n\r\n`).join('')
    const reply = await rawRequest(scene.plain, pipelined, { until: /<\/3>/ })
    assert.deepEqual(reply.statuses, [200, 200, 200])
    assert.deepEqual(reply.text.match(/<[^>]+>/g), ['</1>', '</2>', '</3>'])
    assert.doesNotMatch(reply.text, /connection: close/i)
    assert.ok(!reply.ended)
  })

  test('nor one that speaks HTTP/1.0 or ends its body with the connection', async (t) => {
    const upstream = await startScriptedUpstream(t, (connection) =>
      connection === 0 ? ['HTTP/1.0 200 OK\r\n\r\nall of it', 'END'] : [ok],
    )
    const scene = await openScene(t, upstream.url)
    const reply = await rawRequest(scene.plain, get + get, { until: /ok$/ })
    assert.deepEqual(reply.statuses, [200, 200])
    assert.match(reply.text, /all of it/)
  })

  test("and a client that closes its own leaves the upstream's to others", async (t) => {
    const upstream = await startEcho(t)
    const scene = await openScene(t, upstream.url)
    for (let i = 0; i < 3; i++)
      await rawRequest(scene.plain, `GET /${i} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`, {
        until: /\}$/,
      })
    await servesTheNext(scene)
    assert.equal(upstream.requests.length, 4)
    assert.equal(new Set(upstream.requests.map(({ socket }) => socket)).size, 1)
  })
})
