import assert from 'node:assert/strict'
import { Readable, type Transform } from 'node:stream'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import zlib from 'node:zlib'
import { type SampleFacts, sampleFacts } from '../../../test/harness/facts.ts'
import { readOptions, sampleHead, sampleUpgrade } from '../../../test/harness/policies.ts'
import type { Facts } from '../facts.ts'
import { compress } from './compress.ts'
import type { ResponseHead } from './policy.ts'

const browser = 'gzip, deflate, br, zstd'

function encode(
  head: ResponseHead,
  facts: Facts = accepting(browser),
  written: unknown = true,
): Transform | undefined {
  return compress(readOptions('compress', written)).encodeBody?.(facts, head)
}

function accepting(codings: string, rest: Omit<SampleFacts, 'headers'> = {}): Facts {
  return sampleFacts({ ...rest, headers: ['Accept-Encoding', codings] })
}

function html(more: Record<string, string | string[]> = {}, status = 200): ResponseHead {
  return sampleHead(
    { 'content-type': 'text/html; charset=utf-8', 'content-length': '50000', ...more },
    status,
  )
}

const decoders = {
  zstd: zlib.createZstdDecompress,
  br: zlib.createBrotliDecompress,
  gzip: zlib.createGunzip,
}

for (const coding of ['zstd', 'br', 'gzip'] as const) {
  for (const length of ['50000', undefined]) {
    test(`${coding} gives back what was put in, ${length ? 'of known length' : 'in pieces'}, and is smaller`, async () => {
      const body = 'the quick brown fox <b>jumps</b> '.repeat(1600).slice(0, 50_000)
      const head = sampleHead({
        'content-type': 'text/html',
        ...(length ? { 'content-length': length } : {}),
      })
      const encoder = encode(head, accepting(coding))
      assert.ok(encoder)
      assert.equal(head.headers['content-encoding'], coding)
      const pieces = body.match(/.{1,7000}/g) ?? []
      let size = 0
      encoder.on('data', (chunk: Buffer) => {
        size += chunk.length
      })
      const decoded = await text(Readable.from(pieces).pipe(encoder).pipe(decoders[coding]()))
      assert.equal(decoded, body)
      assert.ok(size < 5000, `${size} bytes`)
    })
  }

  test(`${coding} shows each piece of a body of unknown length as it comes`, {
    timeout: 30_000,
  }, async () => {
    const encoder = encode(sampleHead({ 'content-type': 'text/plain' }), accepting(coding))
    assert.ok(encoder)
    const decoded: string[] = []
    const seen = { wake: () => {} }
    encoder.pipe(decoders[coding]()).on('data', (chunk: Buffer) => {
      decoded.push(chunk.toString())
      seen.wake()
    })
    for (const line of ['first line\n', 'second line\n', 'third line\n']) {
      const arrived = new Promise<void>((resolve) => {
        seen.wake = resolve
      })
      encoder.write(line)
      await arrived
      assert.equal(decoded.at(-1), line)
    }
    encoder.destroy()
  })
}

test('the head says what has become of the body', () => {
  const head = html({
    etag: '"abc"',
    vary: 'Origin',
    'accept-ranges': 'bytes',
    'content-digest': 'sha-256=:x:',
    'content-md5': 'x',
  })
  assert.ok(encode(head))
  assert.deepEqual(
    { ...head.headers },
    {
      'content-type': 'text/html; charset=utf-8',
      'content-encoding': 'zstd',
      etag: 'W/"abc"',
      vary: 'Origin, Accept-Encoding',
    },
  )
})

const varies: readonly [before: string | string[] | undefined, after: string][] = [
  [undefined, 'Accept-Encoding'],
  ['accept-encoding', 'accept-encoding'],
  ['Origin, Accept-Encoding', 'Origin, Accept-Encoding'],
  [['Origin', 'Cookie'], 'Origin, Cookie, Accept-Encoding'],
  ['*', '*'],
]
for (const [before, after] of varies) {
  test(`Vary: ${before} becomes ${after}, whether compressed or not`, () => {
    for (const accepted of [browser, 'identity']) {
      const head = html(before === undefined ? {} : { vary: before })
      encode(head, accepting(accepted))
      assert.equal(head.headers.vary, after)
    }
  })
}

// The fault: an upstream with 60 kB of blanks in Vary. To look for the comma behind them from each of them took twelve seconds.
test('a Vary of nothing but blanks costs no time', () => {
  const vary = `a${' '.repeat(60_000)}b`
  const head = html({ vary })
  const began = performance.now()
  encode(head)
  assert.ok(performance.now() - began < 1_000)
  assert.equal(head.headers.vary, `${vary}, Accept-Encoding`)
})

test('an entity tag that is weak stays as it is', () => {
  const head = html({ etag: 'W/"abc"' })
  encode(head)
  assert.equal(head.headers.etag, 'W/"abc"')
})

const negotiated: readonly [accepted: string, written: unknown, coding: string | undefined][] = [
  [browser, true, 'zstd'],
  [browser, { codings: ['gzip', 'br'] }, 'gzip'],
  ['gzip, deflate, br', true, 'br'],
  ['gzip', true, 'gzip'],
  ['GZIP', true, 'gzip'],
  ['*', true, 'zstd'],
  ['gzip;q=1, br;q=0.5', true, 'gzip'],
  ['gzip;q=0', true, undefined],
  ['zstd;q=0, br;q=0, *', true, 'gzip'],
  ['deflate', true, undefined],
  ['identity', true, undefined],
  ['identity;q=1, gzip;q=0.5', true, undefined],
  ['', true, undefined],
  ['gzip;q=banana', true, undefined],
  [';;;,,,=', true, undefined],
]
for (const [accepted, written, coding] of negotiated) {
  test(`Accept-Encoding: ${accepted} with ${JSON.stringify(written)} is ${coding ?? 'plain'}`, () => {
    const head = html()
    encode(head, accepting(accepted), written)
    assert.equal(head.headers['content-encoding'], coding)
    assert.equal(head.headers['content-length'], coding === undefined ? '50000' : undefined)
  })
}

test('two Accept-Encoding fields are one list', () => {
  const head = html()
  encode(head, sampleFacts({ headers: ['Accept-Encoding', 'deflate', 'Accept-Encoding', 'gzip'] }))
  assert.equal(head.headers['content-encoding'], 'gzip')
})

const plain: readonly [what: string, head: ResponseHead, facts?: Facts][] = [
  ['HEAD', html(), accepting(browser, { method: 'HEAD' })],
  ['204', html({}, 204)],
  ['206', html({ 'content-range': 'bytes 0-9/50000' }, 206)],
  ['304', html({}, 304)],
  ['500', html({}, 500)],
  ['a handshake', html({}, 101), sampleUpgrade({ headers: ['Accept-Encoding', browser] })],
  ['what is compressed already', html({ 'content-encoding': 'gzip' })],
  ['a range under another status', html({ 'content-range': 'bytes 0-9/50000' })],
  ['no-transform', html({ 'cache-control': 'public, no-transform, max-age=1' })],
  ['no-transform in a second field', html({ 'cache-control': ['public', 'No-Transform'] })],
  ['what is short', html({ 'content-length': '1023' })],
  ['an empty body', html({ 'content-length': '0' })],
  ['no type', sampleHead({ 'content-length': '50000' })],
  ...[
    'text/event-stream',
    'text/event-stream; charset=utf-8',
    'application/x-ndjson',
    'application/stream+json',
    'application/grpc',
    'application/grpc+json',
    'application/octet-stream',
    'application/zip',
    'application/pdf',
    'image/png',
    'image/jpeg',
    'video/mp4',
    'font/woff2',
    'multipart/form-data; boundary=text/html',
    'image/png; name=text/html',
  ].map((type) => [type, html({ 'content-type': type })] as [string, ResponseHead]),
]
for (const [what, head, facts] of plain) {
  test(`${what} stays as it is`, () => {
    const before = { ...head.headers }
    assert.equal(encode(head, facts), undefined)
    const { vary: _vary, ...after } = head.headers
    assert.deepEqual(after, before)
  })
}

for (const type of [
  'text/css',
  'TEXT/HTML',
  'application/json',
  'application/problem+json',
  'application/javascript',
  'application/manifest+json',
  'application/atom+xml',
  'application/wasm',
  'image/svg+xml',
  'font/ttf',
]) {
  test(`${type} is compressed`, () => {
    assert.ok(encode(html({ 'content-type': type })))
  })
}
