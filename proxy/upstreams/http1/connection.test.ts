import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { Readable } from 'node:stream'
import { describe, type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { Connection, type Flow } from './connection.ts'
import type { UpstreamRequest } from './request-head.ts'

type Ending = {
  status?: number
  headers?: Record<string, string | string[]>
  body: string
  interim: number[]
  trailers?: object
  error?: string
  /** What came in the protocol that was switched to. */
  switched?: string
  idle: boolean
}

/** An upstream that reads one request head and then says exactly these bytes, in these pieces. */
async function ask(
  t: TestContext,
  pieces: (string | Buffer)[],
  request: Partial<UpstreamRequest> = {},
  then: 'end' | 'reset' | 'stay' = 'stay',
) {
  let received = ''
  const server = net.createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', async (bytes) => {
      received += bytes.toString('latin1')
      socket.on('data', (more) => {
        received += more.toString('latin1')
      })
      for (const piece of pieces) {
        socket.write(piece)
        await new Promise((resolve) => setImmediate(resolve))
      }
      if (then === 'end') socket.end()
      if (then === 'reset') socket.resetAndDestroy()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const socket = net.connect((server.address() as net.AddressInfo).port, '127.0.0.1')
  t.after(() => socket.destroy())
  await once(socket, 'connect')
  const ending: Ending = { body: '', interim: [], idle: false }
  let flow: Flow | undefined
  const onIdle = (): void => {
    ending.idle = true
  }
  const connection = new Connection(socket, { onIdle, onAside: () => {} })
  const ticking = setInterval(() => connection.deadline <= performance.now() && connection.expire(), 5)
  t.after(() => clearInterval(ticking))
  await new Promise<void>((resolve) => {
    connection.send(
      {
        method: 'GET',
        path: '/',
        headers: ['Host', 'h'],
        body: undefined,
        framing: 'none',
        responseTimeout: 5_000,
        idleTimeout: 5_000,
        ...request,
      },
      {
        onWait: () => {},
        onSwitch: (headers, socket, early) => {
          Object.assign(ending, { headers, switched: early.toString() })
          // The socket is ours now, with nobody else on it.
          assert.equal(socket.destroyed, false)
          resolve()
        },
        onStart: (started) => {
          flow = started
        },
        onInterim: (status) => ending.interim.push(status),
        onHead: (status, headers) => Object.assign(ending, { status, headers }),
        onBody: (chunk) => {
          ending.body += chunk.toString('latin1')
        },
        onLull: () => {},
        onEnd: (trailers) => {
          ending.trailers = { ...trailers }
          resolve()
        },
        onFailure: (error) => {
          ending.error = error.message
          resolve()
        },
      },
    )
  })
  await new Promise((resolve) => setImmediate(resolve))
  return { ...ending, received: () => received, connection, flow, socket }
}

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1')

describe('a response arrives whole', () => {
  const rows: [what: string, said: string, body: string, kept: boolean][] = [
    ['with a length', 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc', 'abc', true],
    ['with a length of nothing', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n', '', true],
    [
      'in chunks',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n',
      'abcde',
      true,
    ],
    [
      'in chunks with trailers',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Sum: 1\r\n\r\n',
      'a',
      true,
    ],
    ['204', 'HTTP/1.1 204 No Content\r\n\r\n', '', true],
    ['304 with a length', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n', '', true],
    ['that asks to close', 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\na', 'a', false],
    ['of HTTP/1.0', 'HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na', 'a', false],
    [
      'of HTTP/1.0 that is kept',
      'HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\na',
      'a',
      true,
    ],
    ['without a reason', 'HTTP/1.1 200\r\nContent-Length: 1\r\n\r\na', 'a', true],
    [
      'after interim ones',
      'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na',
      'a',
      true,
    ],
  ]
  for (const [what, said, body, kept] of rows) {
    test(what, async (t) => {
      const whole = await ask(t, [bytes(said)])
      assert.equal(whole.error, undefined)
      assert.equal(whole.body, body)
      assert.equal(whole.idle, kept)
      // However it is cut, it is the same response.
      const bytewise = await ask(t, [...said].map(bytes))
      assert.equal(bytewise.body, body)
      assert.deepEqual(bytewise.headers, whole.headers)
      assert.equal(bytewise.idle, kept)
    })
  }

  test('ended by the connection', async (t) => {
    const { body, error, idle } = await ask(t, ['HTTP/1.1 200 OK\r\n\r\nab', 'c'], {}, 'end')
    assert.deepEqual({ body, error, idle }, { body: 'abc', error: undefined, idle: false })
  })

  test('to HEAD, with a length and no body', async (t) => {
    const { body, headers, idle } = await ask(t, ['HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n'], {
      method: 'HEAD',
    })
    assert.deepEqual(
      { body, length: headers?.['content-length'], idle },
      { body: '', length: '5', idle: true },
    )
  })

  test('with repeated fields, latin1 values, and a field named like a property of objects', async (t) => {
    const { headers } = await ask(t, [
      bytes(
        'HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\n__proto__: x\r\nX-Name: caf\xe9\r\nContent-Length: 0\r\n\r\n',
      ),
    ])
    assert.deepEqual(headers?.['set-cookie'], ['a=1', 'b=2'])
    assert.ok(Object.entries(headers ?? {}).some(([name, value]) => name === '__proto__' && value === 'x'))
    assert.equal(headers?.['x-name'], 'caf\xe9')
  })

  test('and its trailers are told', async (t) => {
    const { trailers } = await ask(t, [
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Sum: 1\r\n\r\n',
    ])
    assert.deepEqual(trailers, { 'x-sum': '1' })
  })
})

describe('a response that two readers could take differently is refused, and its connection ends', () => {
  const ok = 'HTTP/1.1 200 OK\r\n'
  const rows: [what: string, said: string, because: RegExp][] = [
    [
      'a length beside chunks',
      `${ok}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      /both a length and chunks/,
    ],
    ['two lengths', `${ok}Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd`, /no single number/],
    ['a signed length', `${ok}Content-Length: +3\r\n\r\nabc`, /no single number/],
    ['a list of lengths', `${ok}Content-Length: 3, 3\r\n\r\nabc`, /no single number/],
    ['another coding', `${ok}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`, /transfer coding/],
    [
      'chunks over HTTP/1.0',
      'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      /transfer coding/,
    ],
    ['a lone line feed', `${ok}A: b\nContent-Length: 0\r\n\r\n`, /CR or LF alone/],
    ['a null byte', `${ok}A: b\0c\r\n\r\n`, /control character/],
    ['a blank before the colon', `${ok}Content-Length : 0\r\n\r\n`, /not a field name/],
    ['a folded line', `${ok}A: b\r\n c: d\r\n\r\n`, /not a field name/],
    ['a line without a colon', `${ok}nonsense\r\n\r\n`, /without a colon/],
    ['a status below 100', 'HTTP/1.1 099 No\r\n\r\n', /not a status line/],
    ['another protocol', 'SSH-2.0-OpenSSH\r\n\r\n', /not a status line/],
    ['HTTP/2 in plain words', 'HTTP/2 200 OK\r\n\r\n', /not a status line/],
    ['a switch that nobody asked for', 'HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n', /nobody asked for/],
    ['a chunk size that is none', `${ok}Transfer-Encoding: chunked\r\n\r\nzz\r\n`, /not a chunk size/],
    ['a chunk size with a sign', `${ok}Transfer-Encoding: chunked\r\n\r\n-1\r\n`, /not a chunk size/],
    [
      'a chunk longer than it said',
      `${ok}Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n`,
      /longer than it said/,
    ],
    [
      'a chunk extension without end',
      `${ok}Transfer-Encoding: chunked\r\n\r\n1;${'x'.repeat(400)}`,
      /do not end/,
    ],
    ['a head without end', `${ok}A: ${'x'.repeat(70_000)}`, /more than 65536 bytes/],
    ['fields without end', `${ok}${'A: b\r\n'.repeat(600)}\r\n`, /more than 500/],
  ]
  for (const [what, said, because] of rows) {
    test(what, async (t) => {
      const { error, idle, socket } = await ask(t, [bytes(said)])
      assert.match(error ?? 'it passed', because)
      assert.deepEqual([idle, socket.destroyed], [false, true])
    })
  }
})

describe('a response cut short is a failure', () => {
  const rows: [what: string, said: string, then: 'end' | 'reset'][] = [
    ['before its head', '', 'end'],
    ['in its head', 'HTTP/1.1 200 OK\r\nA:', 'end'],
    ['in a body with a length', 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc', 'end'],
    ['in chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc', 'end'],
    ['before the last chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n', 'end'],
    ['by a reset, where the connection would have ended it', 'HTTP/1.1 200 OK\r\n\r\nabc', 'reset'],
  ]
  for (const [what, said, then] of rows) {
    test(what, async (t) => assert.notEqual((await ask(t, [said], {}, then)).error, undefined))
  }
})

test('bytes after a response are not taken for the next one: the connection ends', async (t) => {
  const { body, idle, socket } = await ask(t, [
    'HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\naHTTP/1.1 200 OK\r\n\r\n',
  ])
  assert.equal(body, 'a')
  await new Promise((resolve) => setImmediate(resolve))
  assert.ok(socket.destroyed || !idle)
})

test('an upstream that says nothing is given up on, and one that stops in the middle too', async (t) => {
  assert.match((await ask(t, [], { responseTimeout: 30 })).error ?? '', /no response within 30 ms/)
  assert.match(
    (await ask(t, ['HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\na'], { idleTimeout: 30 })).error ?? '',
    /no byte for 30 ms/,
  )
})

describe('a request is framed', () => {
  const answer = ['HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n']
  test('with its length', async (t) => {
    const { received, error } = await ask(t, ['HTTP/1.1 100 Continue\r\n\r\n'], {
      method: 'POST',
      framing: 3,
      body: Readable.from([Buffer.from('abc')]),
      responseTimeout: 100,
    })
    assert.match(error ?? '', /no response/)
    assert.match(received(), /Content-Length: 3\r\n\r\nabc$/)
  })
  test('in chunks where there is none, whatever the method', async (t) => {
    const { received } = await ask(t, [], {
      method: 'DELETE',
      framing: 'chunked',
      body: Readable.from([Buffer.from('abc'), Buffer.from('de')]),
      responseTimeout: 100,
    })
    assert.match(received(), /Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n$/)
  })
  test('not at all where it has no body, but a POST says so', async (t) => {
    assert.match((await ask(t, answer)).received(), /^GET \/ HTTP\/1\.1\r\nHost: h\r\n\r\n$/)
    assert.match((await ask(t, answer, { method: 'POST' })).received(), /Content-Length: 0\r\n\r\n$/)
  })
  test('and one that is shorter or longer than it said never passes for whole', async (t) => {
    for (const text of ['ab', 'abcd']) {
      const { error } = await ask(t, [], {
        method: 'POST',
        framing: 3,
        body: Readable.from([Buffer.from(text)]),
      })
      assert.match(error ?? '', /than its Content-Length/)
    }
  })
  test('and a line break in a field or a path writes nothing', async (t) => {
    for (const bad of [{ headers: ['A', 'b\r\nC: d'] }, { path: '/a\r\nB: c' }, { path: '/a b' }]) {
      const { error, received } = await ask(t, answer, bad)
      assert.match(error ?? '', /control character/)
      assert.equal(received(), '')
    }
  })
})

describe('a switch of protocols', () => {
  const switching = 'HTTP/1.1 101 Go\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n'
  test('that was asked for hands the socket over, with what was said in it', async (t) => {
    const { switched, headers, socket, connection } = await ask(
      t,
      [`HTTP/1.1 103 E\r\n\r\n${switching}X: y\r\n\r\nearly`],
      { upgrade: true },
    )
    assert.deepEqual([switched, headers?.x], ['early', 'y'])
    assert.deepEqual([socket.listenerCount('data'), socket.listenerCount('close')], [0, 0])
    connection.fail(new Error('late'))
    assert.equal(connection.deadline, Number.POSITIVE_INFINITY)
  })
  for (const [what, said, upgrade] of [
    ['that nobody asked for', `${switching}\r\n`, false],
    ['to another protocol', 'HTTP/1.1 101 Go\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n', true],
    ['to none', 'HTTP/1.1 101 Go\r\n\r\n', true],
    ['to two', `${switching}Upgrade: h2c\r\n\r\n`, true],
  ] as const)
    test(`${what} is a fault`, async (t) => {
      const { error, switched, socket } = await ask(t, [said], { upgrade })
      assert.match(error ?? '', /switch/)
      assert.deepEqual([switched, socket.destroyed], [undefined, true])
    })
  test('that is refused is a response like any other', async (t) => {
    const { status, body } = await ask(t, ['HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno'], {
      upgrade: true,
    })
    assert.deepEqual([status, body], [403, 'no'])
  })
})

describe('who is slow is told so', () => {
  const slowly = { responseTimeout: 30, idleTimeout: 60, framing: 'chunked' as const }
  test('a client that stops sending its body', async (t) => {
    const body = new Readable({ read() {} })
    body.push('a')
    assert.match(
      (await ask(t, [], { ...slowly, body, method: 'POST' })).error ?? '',
      /no byte of the body for 60 ms/,
    )
  })
  test('an upstream that has the whole body', async (t) => {
    const body = Readable.from([Buffer.from('a')])
    assert.match(
      (await ask(t, [], { ...slowly, body, method: 'POST' })).error ?? '',
      /no response within 30 ms/,
    )
  })
})

test('an abort that comes after the end does not reach the next exchange', async (t) => {
  const { flow, socket, idle } = await ask(t, ['HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'])
  flow?.abort(new Error('late'))
  assert.deepEqual([idle, socket.destroyed], [true, false])
})

test('whatever an upstream says, the exchange ends once and nothing throws', async (t) => {
  const piece = fc.oneof(
    fc.constantFrom(
      'HTTP/1.1 200 OK\r\n',
      'HTTP/1.1 103 E\r\n\r\n',
      'Content-Length: 3\r\n',
      'Transfer-Encoding: chunked\r\n',
      '\r\n',
      '3\r\nabc\r\n',
      '0\r\n\r\n',
      'Connection: close\r\n',
      'A: b\r\n',
      ' ',
    ),
    fc.string({ maxLength: 6 }),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 8 }), async (pieces) => {
      const { status, error } = await ask(t, pieces, { responseTimeout: 1_000, idleTimeout: 1_000 }, 'end')
      assert.ok(status !== undefined || error !== undefined)
    }),
    { numRuns: 200 },
  )
})
