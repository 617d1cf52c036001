/**
 * An upstream that lies, stalls or never ends.
 *
 * Fault: a status below 100, a control character, a switch of protocols that nobody asked for, a header block
 * or interim responses without end: engines fall, or wait for ever, and one such service takes the others with it.
 *
 * Right: 502 (or 504 for silence) within the time limit of the route, the same for requests and upgrades, and
 * everybody else is served meanwhile.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { eventually } from '../harness/eventually.ts'
import { rawConnect, rawRequest } from '../harness/raw-request.ts'
import { type Step, startScriptedUpstream } from '../harness/scripted-upstream.ts'
import { onEnd, type Teardown } from '../harness/teardown.ts'
import { tempFolder } from '../harness/temp-folder.ts'
import { closeServer, startUpstream, trackConnections } from '../harness/upstream.ts'
import { doors, finalHead, knock, openScene, type Scene, startEcho } from './scene.ts'

const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
const repeat = (text: string, times: number): string => text.repeat(times)

/** What it answers, and to which statuses that may lead. */
const lies: [what: string, script: Step[], statuses: number[]][] = [
  ['nothing, and hangs up', ['END'], [502]],
  ['nothing, and resets', ['RESET'], [502]],
  ['nothing', [], [504]],
  ['garbage', ['SSH-2.0-OpenSSH_9.2\r\n\r\n'], [502]],
  ['binary garbage', [Buffer.from([0x16, 3, 1, 2, 0, 1, 0, 13, 10, 13, 10])], [502]],
  ['HTTP/2', ['HTTP/2 200\r\n\r\n'], [502]],
  ['HTTP/0.9', ['<html>hello</html>\r\n\r\n'], [502]],
  ['a status of two digits', ['HTTP/1.1 99 Low\r\n\r\n'], [502]],
  ['a status of 0', ['HTTP/1.1 000 Zero\r\n\r\n'], [502]],
  ['a control character in the reason', ['HTTP/1.1 200 O\x01K\r\nContent-Length: 0\r\n\r\n'], [502]],
  ['a line feed alone', ['HTTP/1.1 200 OK\nContent-Length: 0\n\n'], [502, 504]],
  ['a NUL in a field', ['HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 0\r\n\r\n'], [502]],
  ['a folded field', ['HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n'], [502]],
  ['a field without a colon', ['HTTP/1.1 200 OK\r\nnonsense\r\nContent-Length: 0\r\n\r\n'], [502]],
  ['a blank before a colon', ['HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n'], [502]],
  ['two lengths', ['HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nok'], [502]],
  ['a length beside chunks', [`${ok.replace('\r\n\r\n', '\r\nTransfer-Encoding: chunked\r\n\r\n')}`], [502]],
  ['a length below zero', ['HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n'], [502]],
  ['another coding than chunks', ['HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n'], [502]],
  [
    'a switch to a protocol that nobody asked for',
    ['HTTP/1.1 101 Go\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n'],
    [502],
  ],
  ['101 without Upgrade', ['HTTP/1.1 101 Go\r\n\r\n'], [502]],
  ['a head of 100 KB', [`HTTP/1.1 200 OK\r\nX: ${repeat('y', 100_000)}\r\n\r\n`], [502]],
  ['a thousand fields', [`HTTP/1.1 200 OK\r\n${repeat('X: y\r\n', 1000)}\r\n`], [502]],
  ['a head without end', ['HTTP/1.1 200 OK\r\n', ...drips('X: y\r\n')], [502, 504]],
  ['interim responses without end', drips('HTTP/1.1 102 Processing\r\n\r\n'), [502, 504]],
  [
    'interim responses in one piece',
    [repeat('HTTP/1.1 103 Hints\r\nLink: </a>; rel=preload\r\n\r\n', 200)],
    [502],
  ],
  ['an interim response with a body', [`HTTP/1.1 100 Continue\r\n\r\nbody${ok}`], [502]],
  ['half a head, and hangs up', ['HTTP/1.1 200 OK\r\nX: y', 'END'], [502]],
]

for (const door of doors) {
  describe(`over ${door}, an upstream that answers`, { concurrency: 8 }, () => {
    for (const [what, script, statuses] of lies) {
      test(what, async (t) => {
        const liar = await startScriptedUpstream(t, script)
        const honest = await startEcho(t)
        const scene = await openTwo(t, liar.url, honest.url)
        const started = performance.now()
        const [status] = await Promise.all([knock(t, scene, door, {}), othersAreServed(scene)])
        assert.ok(statuses.includes(status), `it was ${status}`)
        assert.ok(performance.now() - started < 10_000, 'within the time limit')
        await eventually(() => scene.proxy.gatehouse.inFlight.size === 0)
        await eventually(() => liar.connections.every(({ ended }) => ended), { timeout: 8000 })
      })
    }
  })
}

test('a switch of protocols that nobody asked for over HTTP/1.1 is never a tunnel', async (t) => {
  const liar = await startScriptedUpstream(t, [
    'HTTP/1.1 101 Go\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nsecret',
  ])
  const scene = await openScene(t, liar.url)
  const reply = await rawRequest(scene.plain, 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n', {
    until: finalHead,
  })
  assert.deepEqual(reply.statuses, [502])
  assert.doesNotMatch(reply.text, /secret/)
})

test('an answer to a question that nobody asked is not the answer to the next one', async (t) => {
  // Response splitting: one answer and a second one behind it, on a connection that is kept.
  const evil = 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil'
  const liar = await startScriptedUpstream(t, (connection) => (connection === 0 ? [ok + evil] : [ok, 'END']))
  const scene = await openScene(t, liar.url)
  for (let i = 0; i < 3; i++) {
    const reply = await rawRequest(scene.plain, 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n', {
      until: /ok$|evil$/,
    })
    assert.deepEqual([reply.statuses, /evil/.test(reply.text)], [[200], false])
  }
})

/** What another protocol says to whoever connects, and an answer to a question that was not asked yet. */
const greetings: [what: string, greeting: string | Buffer][] = [
  ['SSH', 'SSH-2.0-OpenSSH_9.2\r\n'],
  ['SMTP', '220 mail.test ESMTP\r\n'],
  ['MySQL', Buffer.from('4a0000000a382e302e33320008000000', 'hex')],
  ['a TLS alert', Buffer.from('15030100020228', 'hex')],
  ['half a response', 'HTTP/1.1 200 OK\r\nContent-Le'],
]

for (const door of doors) {
  for (const [what, greeting] of greetings) {
    test(`an upstream that speaks first is refused over ${door}: ${what}`, async (t) => {
      const greeter = await startGreeter(t, (socket) => socket.write(greeting))
      const honest = await startEcho(t)
      const scene = await openTwo(t, greeter.url, honest.url)
      const [status] = await Promise.all([knock(t, scene, door, {}), othersAreServed(scene)])
      // Half a response could still become a whole one, and is waited for.
      assert.ok(status === 502 || (what === 'half a response' && status === 504), `it was ${status}`)
      await eventually(() => scene.proxy.gatehouse.inFlight.size === 0 && greeter.open.size === 0)
    })
  }
}

test('what an upstream says on a connection that nobody uses is no answer to the next who comes', async (t) => {
  // Otherwise one lie on an idle connection moves every later answer by one: each client gets its forerunner's.
  const greeter = await startGreeter(t, (socket) => {
    socket.once('data', () => {
      socket.write(ok)
      setTimeout(() => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil'), 20)
    })
  })
  const scene = await openScene(t, greeter.url)
  for (let i = 1; i <= 3; i++) {
    const reply = await rawRequest(scene.plain, 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n', {
      until: /ok$|evil$/,
    })
    assert.deepEqual([reply.statuses, reply.text.endsWith('ok')], [[200], true])
    await eventually(() => greeter.open.size === 0)
    assert.equal(greeter.taken, i)
  }
})

/** Below those that the system gives out: one that was free a moment ago may be another test's by now. */
const closed = 'http://127.0.0.1:1'

describe('one upstream that is away stops nobody else', { concurrency: 4 }, () => {
  for (const [what, target, statuses] of [
    ['does not resolve', 'http://nowhere.invalid', [503, 504]],
    ['refuses connections', closed, [503]],
    ['is a socket that does not exist', 'unix:/nowhere/app.sock', [503]],
    ['speaks no TLS', 'tls', [502]],
  ] as const) {
    for (const door of doors) {
      test(`one that ${what}, over ${door}`, async (t) => {
        const plain = await startEcho(t)
        const honest = await startEcho(t)
        const scene = await openTwo(
          t,
          target === 'tls' ? plain.url.replace('http', 'https') : target,
          honest.url,
        )
        await othersAreServed(scene)
        const [status] = await Promise.all([knock(t, scene, door, {}), othersAreServed(scene)])
        assert.ok((statuses as readonly number[]).includes(status), `it was ${status}`)
        await eventually(() => scene.proxy.gatehouse.inFlight.size === 0)
      })
    }
  }

  test('whoever waits in line for one that refuses is answered too', async (t) => {
    // Each connection that fails must wake the next in line, or the rest wait for ever.
    const scene = await openScene(t, closed, { upstream: 'connections: 2' })
    const statuses = await Promise.all([1, 2, 3, 4].map(() => knock(t, scene, 'HTTP/1.1', {})))
    assert.deepEqual(statuses, [503, 503, 503, 503])
    await eventually(() => scene.proxy.gatehouse.inFlight.size === 0)
  })

  test('one that stalls fills its own line, and who comes too late is told at once', async (t) => {
    const stalled = await startScriptedUpstream(t, [])
    const honest = await startEcho(t)
    const scene = await openTwo(t, stalled.url, honest.url, 'connections: 2, connectTimeout: 400ms')
    const started = performance.now()
    const waiting = [1, 2, 3, 4].map(() => knock(t, scene, 'HTTP/1.1', {}))
    await eventually(() => scene.proxy.gatehouse.inFlight.size === 4)
    assert.equal(await knock(t, scene, 'HTTP/1.1', {}), 503)
    await othersAreServed(scene)
    // Two had a connection and got no answer; two never got one.
    assert.deepEqual((await Promise.all(waiting)).sort(), [503, 503, 504, 504])
    assert.ok(performance.now() - started < 10_000)
    assert.equal(stalled.connections.length, 2)
  })

  test('a request that a middleware has read is refused, and does not wait for a body that is gone', async (t) => {
    const upstream = await startEcho(t)
    const file = join(await tempFolder(t), 'parser.ts')
    const create = "() => (req, res, next) => req.resume().on('end', () => next())"
    await writeFile(file, `export default { kind: 'middleware', create: ${create} }\n`)
    const scene = await openScene(t, upstream.url, {
      more: `extensions: { parser: "${file}" }`,
      route: 'middleware: [{ use: parser }]',
    })
    const reply = await rawRequest(
      scene.plain,
      'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nhi',
      {
        until: finalHead,
      },
    )
    assert.deepEqual(reply.statuses, [500])
  })
})

test('an upstream that sends faster than the client reads is not read into memory', async (t) => {
  let sent = 0
  const upstream = await startUpstream(t, (_request, response) => {
    const piece = Buffer.alloc(1024 * 1024)
    const pump = (): void => {
      do sent += piece.length
      while (!response.destroyed && response.write(piece))
    }
    response.on('drain', pump)
    pump()
  })
  const scene = await openScene(t, upstream.url)
  const client = await rawConnect(scene.plain)
  t.after(() => client.destroy())
  client.pause()
  client.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
  await eventually(() => sent > 0)
  let before = -1
  // It has stopped when nothing more was taken within a while.
  await eventually(
    () => {
      const still = sent === before
      before = sent
      return still
    },
    { every: 200 },
  )
  assert.ok(sent < 64 * 1024 * 1024, `${sent} bytes were taken`)
})

/** An upstream that acts as soon as somebody connects. */
async function startGreeter(t: Teardown, greet: (socket: Socket) => void) {
  const server = createServer((socket) => {
    greeter.taken += 1
    socket.on('error', () => {})
    socket.resume()
    greet(socket)
  })
  const open = trackConnections(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onEnd(t, () => closeServer(server, open))
  const greeter = { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, open, taken: 0 }
  return greeter
}

/** `/` leads to the first, `/honest` to the second. */
function openTwo(
  t: Parameters<typeof openScene>[0],
  liar: string,
  honest: string,
  upstream = 'connectTimeout: 500ms',
): Promise<Scene> {
  return openScene(t, liar, {
    upstream: `${upstream} }\n  honest: { targets: ["${honest}"]`,
    route: 'timeouts: { response: 700ms, idle: 700ms }',
    routes: ['{ name: honest, listeners: [http, https], match: { path: /honest }, to: honest }'],
  })
}

async function othersAreServed(scene: Scene): Promise<void> {
  const reply = await rawRequest(scene.plain, 'GET /honest HTTP/1.1\r\nHost: localhost\r\n\r\n', {
    until: finalHead,
  })
  assert.deepEqual(reply.statuses, [200])
}

/** The same bytes every 20 ms for two seconds. */
function drips(bytes: string): Step[] {
  return Array.from({ length: 100 }, () => [bytes, { pause: 20 }]).flat()
}
