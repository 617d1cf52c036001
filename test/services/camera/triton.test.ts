import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { eventually } from '../../harness/eventually.ts'
import { freePort } from '../../harness/free-port.ts'
import { flat } from './pictures.ts'
import { startQuality, tritonEngine } from './quality-app.ts'
import { type Answer, type Behaviour, send, sendBinary, startTriton } from './triton-double.ts'

/** How good a picture is, by a model behind a server that may do anything. */

describe('a model behind a Triton server', () => {
  for (const tensors of ['binary', 'json'] as const)
    test(`gets the picture as it wants it, in ${tensors}, and its score is the answer`, async (t) => {
      const triton = await startTriton(t)
      const app = await startQuality(t, tritonEngine(triton.url, { tensors }).engine)
      for (const level of [0, 51, 204, 255]) {
        const { json } = await app.check(await flat(level))
        assert.ok(Math.abs(json.quality_score - level / 255) < 0.01, `${json.quality_score} for ${level}`)
        assert.deepEqual([json.engine, json.score_kind], ['triton', 'neural'])
      }
      assert.deepEqual(new Set(triton.forms), new Set([tensors]))
      assert.deepEqual((await app.check(await flat(204))).json.quality_level, 'good')
      assert.ok(
        (await app.check(await flat(40))).json.parts.some(({ advice }) => /More light/.test(advice ?? '')),
      )
    })

  test('is asked once for many pictures that wait, and each gets its own score', async (t) => {
    const triton = await startTriton(t, { takes: 200 })
    const { engine } = tritonEngine(triton.url)
    const app = await startQuality(t, engine)
    await app.check(await flat(0))
    const levels = Array.from({ length: 20 }, (_, at) => at * 12)
    const images = await Promise.all(levels.map((level) => flat(level)))
    const replies = await Promise.all(images.map((image) => app.check(image)))
    for (const [at, level] of levels.entries())
      assert.ok(Math.abs((replies[at]?.json.quality_score ?? -1) - level / 255) < 0.01)
    const together = triton.batches.slice(1)
    assert.equal(
      together.reduce((sum, count) => sum + count, 0),
      20,
    )
    assert.ok(together.length <= 10, `${together}`)
    assert.ok(Math.max(...together) <= 8)
  })

  test('that takes smaller batches gets smaller batches', async (t) => {
    const triton = await startTriton(t, { largest: 2, takes: 50 })
    const app = await startQuality(t, tritonEngine(triton.url).engine)
    const images = await Promise.all(Array.from({ length: 12 }, (_, at) => flat(at * 20)))
    const replies = await Promise.all(images.map((image) => app.check(image)))
    assert.deepEqual(
      replies.map(({ status }) => status),
      Array(12).fill(200),
    )
    assert.ok(Math.max(...triton.batches) <= 2)
  })

  test('that answers JSON to a binary question is understood', async (t) => {
    const triton = await startTriton(t, { onlyJson: true })
    const { json } = await (await startQuality(t, tritonEngine(triton.url).engine)).check(await flat(102))
    assert.ok(Math.abs(json.quality_score - 0.4) < 0.01)
  })

  test('whose scores leave the scale is shown within it', async (t) => {
    const triton = await startTriton(t, { answer: withData([1.3]) })
    const { json } = await (await startQuality(t, tritonEngine(triton.url).engine)).check(await flat(102))
    assert.deepEqual([json.quality_score, json.quality_share, json.quality_level], [1.3, 1, 'good'])
  })

  const faults: [what: string, behaviour: Behaviour, status: number, title: RegExp][] = [
    ['is not ready', { ready: 400 }, 503, /not ready/],
    ['has no model that is ready', { modelReady: 400 }, 503, /not ready/],
    ['does not know the model', { modelReady: 404 }, 503, /not ready/],
    [
      'has no description of it',
      { metadata: () => ({ status: 404, body: { error: 'unknown model' } }) },
      503,
      /not there/,
    ],
    ['describes it in HTML', { metadata: () => ({ body: '<html>' }) }, 502, /no sense/],
    [
      'describes another model',
      { metadata: (good) => ({ body: { ...good, name: 'other' } }) },
      502,
      /not the one/,
    ],
    ['wants bytes', { metadata: change('inputs', { datatype: 'UINT8' }) }, 502, /not the one/],
    ['wants another shape', { metadata: change('inputs', { shape: [-1, 352, 352, 3] }) }, 502, /not the one/],
    ['wants no batches', { metadata: change('inputs', { shape: [3, 352, 352] }) }, 502, /not the one/],
    ['answers many numbers', { metadata: change('outputs', { shape: [-1, 1000] }) }, 502, /not the one/],
    [
      'says that its queue is full',
      { infer: refuse(503, { error: 'Exceeds maximum queue size' }) },
      503,
      /too much to do/,
    ],
    [
      'says that time ran out in its queue',
      { infer: refuse(503, { error: 'Request timeout expired' }) },
      503,
      /too much/,
    ],
    ['breaks inside', { infer: refuse(500, { error: 'CUDA error: out of memory' }) }, 503, /in trouble/],
    ['breaks without a word', { infer: refuse(500, '') }, 503, /in trouble/],
    [
      'refuses the picture',
      { infer: refuse(400, { error: "unexpected size for input 'input'" }) },
      502,
      /does not take/,
    ],
    ['cannot do that', { infer: refuse(501, { error: 'unsupported' }) }, 503, /in trouble/],
    ['knows no such method', { infer: refuse(405, 'Method Not Allowed') }, 502, /does not take/],
    ['sends us elsewhere', { infer: redirect }, 503, /in trouble/],
    ['hangs up', { infer: hangUp }, 503, /away/],
    ['hangs up in the middle of its answer', { infer: cutShort }, 503, /away/],
    // Its question was never answered, and after two of them no other was asked.
    ['switches to another protocol', { infer: switchProtocol }, 503, /away/],
    ['never answers', { infer: () => true }, 503, /too long/],
    ['never stops answering', { infer: endless }, 502, /no sense/],
    ['drips its answer', { infer: drip }, 503, /too long/],
    ['answers no JSON', { infer: refuse(200, 'OK') }, 502, /no sense/],
    ['answers nothing', { infer: refuse(200, '') }, 502, /no sense/],
    [
      'answers an output of another name',
      { answer: (good) => withOutput(good, { name: 'score' }) },
      502,
      /no sense/,
    ],
    ['answers another type', { answer: (good) => withOutput(good, { datatype: 'INT64' }) }, 502, /no sense/],
    [
      'answers for more pictures',
      { answer: (good) => withOutput(good, { shape: [2, 1], data: [0.1, 0.2] }) },
      502,
      /no sense/,
    ],
    ['answers a shape and other data', { answer: withData([0.1, 0.2]) }, 502, /no sense/],
    ['answers a word', { answer: withData(['high']) }, 502, /no sense/],
    ['answers null, as JSON writes what is no number', { answer: withData([null]) }, 502, /no sense/],
    ['answers no number in binary', { infer: binary([Number.NaN]) }, 502, /no sense/],
    ['answers too few bytes', { infer: binary([]) }, 502, /no sense/],
    ['lies about the length of its head', { infer: binary([0.5], 9_999_999) }, 502, /no sense/],
    ['says that its head has no length', { infer: binary([0.5], 0) }, 502, /no sense/],
    ['answers compressed, unasked and wrong', { infer: badGzip }, 502, /no sense/],
  ]
  for (const [what, behaviour, status, title] of faults)
    test(`that ${what} is a ${status}, with what could be measured`, async (t) => {
      const triton = await startTriton(t, behaviour)
      const { engine, log } = tritonEngine(triton.url, { timeout: 700 })
      const app = await startQuality(t, engine)
      const reply = await app.check(await flat(40))
      assert.equal(reply.status, status, reply.text)
      assert.match(reply.json.title ?? '', title)
      assert.ok(reply.json.parts.some(({ advice }) => /More light/.test(advice ?? '')))
      assert.doesNotMatch(reply.text, /127\.0\.0\.1|CUDA|8003/, 'what only operators may know is not told')
      if (status === 503) assert.ok(reply.headers['retry-after'])
      assert.ok(!triton.paths.includes('GET /elsewhere'))
      if (!/too much/.test(String(title))) assert.match(log(), /cannot be asked/)
    })

  test('that is away is said to be away, at once, and used again when it is back', async (t) => {
    const triton = await startTriton(t)
    const { engine, log } = tritonEngine(triton.url, { timeout: 700 })
    const app = await startQuality(t, engine)
    assert.equal((await app.check(await flat(10))).status, 200)
    triton.behaviour = { infer: () => true }
    assert.equal((await app.check(await flat(10))).status, 503)
    const began = performance.now()
    const replies = await Promise.all(Array.from({ length: 10 }, async () => app.check(await flat(10))))
    assert.ok(replies.every(({ status }) => status === 503))
    assert.ok(performance.now() - began < 5_000, 'nobody waits for one time-out after another')
    assert.deepEqual(await engine.health(), { answers: false, reason: 'The quality model takes too long' })
    triton.behaviour = {}
    await eventually(async () => (await app.check(await flat(10))).status === 200, {
      timeout: 10_000,
      every: 100,
    })
    assert.deepEqual(await engine.health(), { answers: true })
    assert.match(log(), /answers again/)
  })

  test('that ends a connection which was kept is asked on another one', async (t) => {
    let ended = 0
    const infer: Behaviour['infer'] = (response) => {
      if (ended++ > 0) return false
      response.destroy()
      return true
    }
    const triton = await startTriton(t, { infer })
    const app = await startQuality(t, tritonEngine(triton.url).engine)
    assert.equal((await app.check(await flat(10))).status, 200)
    assert.equal(ended, 2)
  })

  test('that was never there is a 503', async (t) => {
    const app = await startQuality(t, tritonEngine(`http://127.0.0.1:${await freePort()}`).engine)
    assert.equal((await app.check(await flat(10))).status, 503)
  })
})

function change(list: 'inputs' | 'outputs', to: object) {
  return (good: object) => {
    const described = good as Record<'inputs' | 'outputs', object[]>
    return { body: { ...described, [list]: [{ ...described[list][0], ...to }] } }
  }
}

function refuse(status: number, body: object | string): Behaviour['infer'] {
  return (response) => {
    send(response, status, body)
    return true
  }
}

function withOutput(good: Answer, to: Partial<Answer['outputs'][number]>): Answer {
  return { ...good, outputs: [{ ...(good.outputs[0] as Answer['outputs'][number]), ...to }] }
}

function withData(data: unknown[]): Behaviour['answer'] {
  return (good) => withOutput(good, { data })
}

function binary(scores: number[], claimed?: number): Behaviour['infer'] {
  return (response) => {
    const outputs = [{ name: 'output', datatype: 'FP32', shape: [1, 1] }]
    sendBinary(response, { model_name: 'efficient_fiqa', model_version: '1', outputs }, scores, { claimed })
    return true
  }
}

function redirect(...[response]: Parameters<NonNullable<Behaviour['infer']>>): boolean {
  response.writeHead(302, { location: '/elsewhere' }).end()
  return true
}

function switchProtocol(...[response]: Parameters<NonNullable<Behaviour['infer']>>): boolean {
  response.socket?.end('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: other\r\n\r\n')
  return true
}

function hangUp(...[response]: Parameters<NonNullable<Behaviour['infer']>>): boolean {
  response.destroy()
  return true
}

function cutShort(...[response]: Parameters<NonNullable<Behaviour['infer']>>): boolean {
  response.writeHead(200, { 'content-length': '500' })
  response.write('{"model_name":')
  setTimeout(() => response.destroy(), 50)
  return true
}

function endless(...[response]: Parameters<NonNullable<Behaviour['infer']>>): boolean {
  response.writeHead(200)
  const timer = setInterval(() => response.write(Buffer.alloc(65_536, ' ')), 1)
  response.on('close', () => clearInterval(timer))
  return true
}

function drip(...[response]: Parameters<NonNullable<Behaviour['infer']>>): boolean {
  response.writeHead(200)
  const timer = setInterval(() => response.write(' '), 100)
  response.on('close', () => clearInterval(timer))
  return true
}

function badGzip(...[response]: Parameters<NonNullable<Behaviour['infer']>>): boolean {
  response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('{}').subarray(0, 12))
  return true
}
