import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { after, describe, test } from 'node:test'
import { localEngine } from '../../../services/camera/quality/local.ts'
import { eventually } from '../../harness/eventually.ts'
import { request } from '../../harness/request.ts'
import { onEnd } from '../../harness/teardown.ts'
import { drawing, flat, large } from './pictures.ts'
import { startQuality } from './quality-app.ts'

/** How good a picture is, by what can be measured of it; and what is no picture. */

const local = await startQuality({ after }, localEngine)

describe('the engine that is built in', () => {
  const rows: [what: string, image: () => Promise<string>, part: string, level: string, advice: RegExp][] = [
    ['a dark picture', () => drawing({ paper: 40, ink: 10 }), 'exposure', 'poor', /More light/],
    ['a glaring picture', () => drawing({ paper: 254, ink: 235 }), 'exposure', 'poor', /Less light/],
    ['a pale picture', () => drawing({ paper: 140, ink: 125 }), 'contrast', 'poor', /Wipe the lens/],
    [
      'a picture lit from one side',
      () => drawing({ shade: 0.5 }),
      'evenness',
      'poor',
      /Turn towards the light/,
    ],
    ['a blurred picture', () => drawing({ blur: 4 }), 'sharpness', 'poor', /Hold still/],
    ['a small picture', () => drawing({ size: 240 }), 'resolution', 'poor', /better camera/],
  ]
  for (const [what, image, name, level, advice] of rows)
    test(`says of ${what} what to do about it`, async () => {
      const { json } = await local.check(await image())
      const part = json.parts.find((each) => each.name === name)
      assert.equal(part?.level, level)
      assert.match(part?.advice ?? '', advice)
      assert.equal(json.quality_level, 'poor', 'it is as good as its worst part')
      assert.equal(json.threshold_met, false)
    })

  test('finds nothing to mend in a good one, and calls itself measured, not a model', async () => {
    const { json } = await local.check(await drawing())
    assert.deepEqual(
      json.parts.map(({ name, level, advice }) => [name, level, advice]),
      ['exposure', 'contrast', 'evenness', 'sharpness', 'resolution'].map((name) => [
        name,
        'good',
        undefined,
      ]),
    )
    assert.deepEqual([json.engine, json.score_kind, json.status], ['local', 'measured', 'OK'])
    assert.equal(json.threshold_met, true)
  })

  test('does not depend on the size of the picture where that is not the matter', async () => {
    const [one, other] = await Promise.all(
      [drawing({ size: 700 }), drawing({ size: 2000 })].map(
        async (image) => (await local.check(await image)).json,
      ),
    )
    for (const [at, part] of (one?.parts ?? []).entries())
      assert.ok(Math.abs(part.score - (other?.parts[at]?.score ?? 0)) < 0.05, part.name)
  })

  test('the more blurred, the less sharp', async () => {
    const scores = []
    for (const blur of [undefined, 1, 2, 4, 8]) {
      const { json } = await local.check(await drawing({ blur }))
      scores.push(json.parts.find(({ name }) => name === 'sharpness')?.score ?? 0)
    }
    assert.deepEqual(
      scores,
      scores.toSorted((a, b) => b - a),
    )
  })
})

describe('what is no picture is refused', () => {
  const svg = '<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>'
  const base64 = (text: string | Buffer) => Buffer.from(text).toString('base64')
  const rows: [what: string, image: unknown, status: number][] = [
    ['an address', 'http://169.254.169.254/latest/meta-data/', 400],
    ['a file', 'file:///etc/passwd', 400],
    ['a drawing that names a file', `data:image/jpeg;base64,${base64(svg)}`, 400],
    ['an SVG by its name', `data:image/svg+xml;base64,${base64(svg)}`, 400],
    ['text', 'data:image/jpeg;base64,aGVsbG8=', 400],
    ['no base64', 'data:image/jpeg;base64,%%%', 400],
    ['nothing', '', 400],
    ['no text', { $ne: null }, 400],
    ['left out', undefined, 400],
    [
      'the beginning of a JPEG',
      `data:image/jpeg;base64,${base64(Buffer.from('ffd8ffe000104a464946', 'hex'))}`,
      400,
    ],
    ['a PNG that claims to be huge', `data:image/png;base64,${base64(pngOf(60_000, 60_000))}`, 400],
    ['more than fits', `data:image/jpeg;base64,${'A'.repeat(9_000_000)}`, 413],
  ]
  for (const [what, image, status] of rows)
    test(`with ${status} when it is ${what}`, async () => {
      const reply = await local.check(image)
      assert.equal(reply.status, status, reply.text)
      assert.match(reply.headers['content-type'] ?? '', /problem\+json/)
    })

  test('with 400 when it is a JPEG that was cut short', async () => {
    const image = await drawing()
    assert.equal((await local.check(`${image.slice(0, image.length >> 1).replace(/=+$/, '')}`)).status, 400)
  })

  test('with 503 when more come at once than are looked at', async () => {
    // Few bytes that are dear to decode, as somebody would send them who means harm.
    const image = await large(3_000)
    const replies = await Promise.all(Array.from({ length: 60 }, () => local.check(image)))
    const refused = replies.filter(({ status }) => status === 503)
    assert.ok(refused.length > 0 && refused.length < 60, `${refused.length} of 60`)
    assert.ok(refused.every(({ headers }) => headers['retry-after'] === '1'))
    assert.equal((await local.check(image)).status, 200)
  })
})

test('bodies that come slowly are no more than there is room for, and leave theirs when they go', async (t) => {
  const { port } = new URL(local.url)
  const slow = Array.from({ length: 4 }, () => connect(Number(port), '127.0.0.1'))
  for (const socket of slow) {
    onEnd(t, () => void socket.destroy())
    socket.write(
      'POST /api/quality/check HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 8388608\r\n\r\n{',
    )
  }
  const image = await flat(100)
  const refused = await eventually(async () => {
    const reply = await local.check(image)
    return reply.status === 503 && reply
  })
  assert.equal(refused.headers['retry-after'], '1')
  assert.match(refused.text, /come at once/)
  for (const socket of slow) socket.destroy()
  await eventually(async () => (await local.check(image)).status === 200)
})

test('an answer is a picture’s own: nothing of it is kept or named in an address', async () => {
  const { headers } = await local.check(await flat(100))
  assert.equal(headers['cache-control'], 'no-store')
  assert.equal((await request(`${local.url}/api/quality/check`)).status, 404)
})

/** The head of a PNG, and no more. */
function pngOf(width: number, height: number): Buffer {
  const head = Buffer.from('89504e470d0a1a0a0000000d49484452000000000000000008020000000000000000', 'hex')
  head.writeUInt32BE(width, 16)
  head.writeUInt32BE(height, 20)
  return head
}
