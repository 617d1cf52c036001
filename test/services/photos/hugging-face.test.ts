import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import sharp from 'sharp'
import { isPrivate } from '../../../services/photos/engines/hugging-face/fetch-result.ts'
import { type Answer, says, startHub } from './hub.ts'
import { jpegOf, paint } from './known-pictures.ts'
import { startScene } from './scene.ts'

/** Restoring by a model of Hugging Face, with a hub that behaves and misbehaves as the real one has. */

const hub = await startHub({ after })
const scene = await startScene(
  { after },
  { HF_API_URL: `${hub.url}/`, HF_API_KEY: 'hf_of_the_test', HF_API_TIMEOUT: '2' },
)
const who = await scene.signIn()
const jpeg = await jpegOf(await paint('portrait', 128))
const result = await sharp(jpeg).negate().resize(256).png().toBuffer()
const picture = says(200, result, { 'content-type': 'image/png' })
const silence: Answer = () => {}

async function restore(model = 'swin2sr-2x', parameters?: object) {
  const reply = await scene.upload(who, jpeg, { model, parameters, sync: true })
  return { ...reply, json: JSON.parse(reply.text) }
}

describe('a hub that behaves', () => {
  test('gets the picture with the key, and its answer is what the person gets', async () => {
    hub.answerWith(picture)
    const { status, json } = await restore()
    assert.equal(status, 200)
    const [asked] = hub.asked
    assert.equal(asked?.url, '/hf-inference/models/caidas/swin2SR-classical-sr-x2-64')
    assert.equal(asked?.headers.authorization, 'Bearer hf_of_the_test')
    assert.equal(asked?.headers['content-type'], 'image/jpeg')
    assert.equal((await sharp(asked?.body).metadata()).width, 128)
    const { body } = await scene.ask(json.processed_url, { headers: who })
    const { width, format } = await sharp(body).metadata()
    assert.deepEqual([width, format, json.processed_width], [256, 'jpeg', 256])
  })

  test('gets JSON where something is set', async () => {
    hub.answerWith(picture)
    assert.equal((await restore('swin2sr-2x', { prompt: 'gently', guidance_scale: 2 })).status, 200)
    const sent = JSON.parse(String(hub.asked[0]?.body))
    assert.deepEqual(sent.parameters, { prompt: 'gently', guidance_scale: 2 })
    assert.equal((await sharp(Buffer.from(sent.inputs, 'base64')).metadata()).width, 128)
  })

  test('with a queue is asked until it is done', async () => {
    hub.answerWith(
      says(200, { request_id: 'r-1', status: 'IN_QUEUE' }),
      says(200, { status: 'IN_PROGRESS' }),
      says(200, { status: 'COMPLETED' }),
      says(200, { images: [{ url: `${hub.url}/results/1.png` }] }),
      picture,
    )
    const { status, text } = await restore('kontext')
    assert.equal(status, 200, text)
    assert.deepEqual(
      hub.asked.map(({ method, url }) => `${method} ${url}`),
      [
        'POST /fal-ai/fal-ai/flux-kontext/dev?_subdomain=queue',
        'GET /fal-ai/fal-ai/flux-kontext/requests/r-1/status?_subdomain=queue',
        'GET /fal-ai/fal-ai/flux-kontext/requests/r-1/status?_subdomain=queue',
        'GET /fal-ai/fal-ai/flux-kontext/requests/r-1?_subdomain=queue',
        'GET /results/1.png',
      ],
    )
    assert.match(JSON.parse(String(hub.asked[0]?.body)).image_url, /^data:image\/jpeg;base64,/)
  })
})

describe('a hub with a passing fault', () => {
  const rows: [title: string, ...faults: Answer[]][] = [
    [
      'that loads the model',
      says(503, { error: 'Model caidas/x is currently loading', estimated_time: 0.2 }),
    ],
    ['that is asked too often', says(429, { error: 'Rate limit exceeded' }, { 'retry-after': '1' })],
    ['that counts in the newer way', says(429, 'slow down', { ratelimit: '"api";r=0;t=1' })],
    [
      'that has a gateway in trouble',
      says(502, '<html><body><h1>502 Bad Gateway</h1></body></html>', { 'content-type': 'text/html' }),
    ],
    ['that cuts the connection', (response) => void response.socket?.destroy()],
  ]
  for (const [title, ...faults] of rows)
    test(`${title} is asked again, and nobody notices`, async () => {
      hub.answerWith(...faults, picture)
      const { status, text } = await restore()
      assert.equal(status, 200, text)
      assert.equal(hub.asked.length, 2)
    })
})

describe('a hub with a lasting fault', () => {
  const html = says(500, '<html><title>Error</title><body>Internal <b>secret detail</b></body></html>', {
    'content-type': 'text/html',
  })
  const rows: [title: string, answer: Answer, status: number, sentence: RegExp, tries: number][] = [
    [
      'loads for ever',
      says(503, { error: 'Model x is currently loading', estimated_time: 0.1 }),
      503,
      /still being loaded\. Try again in a minute/,
      3,
    ],
    [
      'loads for longer than anybody waits',
      says(503, { error: 'Model x is currently loading', estimated_time: 300 }),
      503,
      /still being loaded/,
      1,
    ],
    [
      'asks for a long pause',
      says(429, { error: 'Rate limit exceeded' }, { 'retry-after': '3600' }),
      503,
      /asked too often/,
      1,
    ],
    [
      'has no credits left',
      says(402, 'Pay-as-you go is not enabled for provider fal-ai yet.'),
      502,
      /credits .* used up/,
      1,
    ],
    [
      'does not know the key',
      says(401, { error: 'Invalid username or password.' }),
      502,
      /operator has to set HF_API_KEY/,
      1,
    ],
    [
      'does not let the key use it',
      says(403, { error: { message: 'no permission' } }),
      502,
      /may not use this model/,
      1,
    ],
    ['does not know the model', says(404, { error: 'Model not found' }), 502, /Nobody serves this model/, 1],
    [
      'has moved',
      says(410, 'https://api-inference.huggingface.co is no longer supported.'),
      502,
      /set HF_API_URL/,
      1,
    ],
    [
      'does not take the picture',
      says(422, { detail: [{ msg: 'bad' }] }),
      502,
      /does not accept this picture/,
      1,
    ],
    [
      'answers with a page',
      says(200, '<html>Welcome</html>', { 'content-type': 'text/html' }),
      502,
      /gave no whole picture/,
      1,
    ],
    ['answers with JSON', says(200, { error: 'Not an image' }), 502, /gave no whole picture/, 1],
    [
      'answers with something else by the name of a picture',
      says(200, Buffer.alloc(500, 7), { 'content-type': 'image/png' }),
      502,
      /gave no whole picture/,
      1,
    ],
    [
      'answers with half a picture',
      says(200, result.subarray(0, result.length / 2), { 'content-type': 'image/png' }),
      502,
      /gave no whole picture/,
      1,
    ],
    ['answers with nothing', says(200, '', { 'content-type': 'image/png' }), 502, /gave no whole picture/, 1],
    [
      'sends us elsewhere',
      says(302, '', { location: 'http://169.254.169.254/' }),
      502,
      /cannot be reached/,
      3,
    ],
    ['is silent', silence, 504, /took too long/, 1],
    ['breaks with a page', html, 502, /fault of its own/, 3],
  ]
  for (const [title, answer, status, sentence, tries] of rows)
    test(`that ${title} is explained`, { timeout: 60_000 }, async () => {
      hub.answerWith(answer)
      const reply = await restore()
      assert.equal(reply.status, status, reply.text)
      assert.match(reply.json.detail, sentence)
      assert.equal(hub.asked.length, tries)
      assert.doesNotMatch(reply.text, /secret detail|hf_of_the_test/)
      if (status === 503) assert.ok(Number(reply.headers['retry-after']) >= 60)
      // It stays in the history, with its reason, and can be tried again.
      const { id } = reply.json
      const row = JSON.parse((await scene.ask(`/api/v1/restore/${id}`, { headers: who })).text)
      assert.deepEqual([row.status, row.error.status], ['failed', status])
    })

  test('is forgotten when another try goes well', async () => {
    hub.answerWith(says(404, { error: 'Model not found' }))
    const { json } = await restore()
    hub.answerWith(picture)
    const again = await scene.ask(`/api/v1/restore/${json.id}/retry`, { method: 'POST', headers: who })
    assert.equal(again.status, 202)
    assert.equal((await scene.ended(who, json.id)).status, 'done')
    assert.equal(
      (await scene.ask(`/api/v1/restore/${json.id}/retry`, { method: 'POST', headers: who })).status,
      409,
    )
  })

  for (const address of [
    'http://169.254.169.254/latest',
    'https://127.0.0.1:1/x',
    'https://[::1]/x',
    'https://localhost/x',
    'file:///etc/passwd',
    '/etc/passwd',
    7,
  ])
    test(`whose result lies at ${address} is not followed`, async () => {
      hub.answerWith(
        says(200, { request_id: 'r' }),
        says(200, { status: 'COMPLETED' }),
        says(200, { images: [{ url: address }] }),
      )
      const { status, json } = await restore('kontext')
      assert.equal(status, 502)
      assert.match(json.detail, /gave no whole picture|cannot be reached/)
    })
})

test('the log never holds the key', () => {
  assert.match(scene.service.log, /a model of Hugging Face failed/)
  assert.doesNotMatch(scene.service.log, /hf_of_the_test/)
})

test('addresses that are not everybody’s are known', () => {
  for (const address of [
    '127.0.0.1',
    '10.1.2.3',
    '172.31.0.1',
    '192.168.0.1',
    '169.254.169.254',
    '100.64.0.1',
    '0.0.0.0',
    '::1',
    '::ffff:10.0.0.1',
    'fd00::1',
    'fe80::1',
    '::',
    '64:ff9b::a00:1',
    'no address',
  ])
    assert.equal(isPrivate(address), true, address)
  for (const address of ['8.8.8.8', '172.32.0.1', '2606:4700::1111'])
    assert.equal(isPrivate(address), false, address)
})
