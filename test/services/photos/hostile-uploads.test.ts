import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { after, describe, test } from 'node:test'
import { connect } from 'node:tls'
import { crc32, deflateSync } from 'node:zlib'
import sharp from 'sharp'
import { eventually } from '../../harness/eventually.ts'
import { jpegOf, paint } from './known-pictures.ts'
import { formOf, startScene } from './scene.ts'

/** Uploads by somebody who means no good. Each is refused with a reason, or made harmless; nothing of it stays. */

const scene = await startScene({ after }, { MAX_PIXELS: '4000000', MAX_UPLOAD_SIZE: '3000000' })
const who = await scene.signIn()
const truth = await paint('landscape', 256)
const jpeg = await jpegOf(truth)
const png = await sharp(jpeg).png().toBuffer()
const gif = await sharp(jpeg).gif().toBuffer()

describe('an upload that is refused', () => {
  const svg =
    '<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><image href="file:///etc/passwd"/></svg>'
  const rows: [title: string, content: Buffer, filename: string, status: number, says: RegExp][] = [
    [
      'text by the name of a picture',
      Buffer.from('MZ is how programs begin'),
      'holiday.jpg',
      400,
      /not a picture/,
    ],
    [
      'HTML by the name of a picture',
      Buffer.from('<!doctype html><script>alert(1)</script>'),
      'a.png',
      400,
      /not a picture/,
    ],
    ['SVG, which may hold scripts and name files', Buffer.from(svg), 'drawing.svg', 400, /not a picture/],
    ['a kind that is not taken, whatever its name', gif, 'still.jpg', 400, /JPEG, PNG, WEBP/],
    ['nothing at all', Buffer.alloc(0), 'empty.jpg', 400, /empty/],
    ['a few bytes', Buffer.from([0xff, 0xd8]), 'short.jpg', 400, /not a picture/],
    ['a JPEG that ends in the middle', jpeg.subarray(0, jpeg.length / 2), 'cut.jpg', 400, /not whole/],
    ['a PNG that ends in the middle', png.subarray(0, png.length / 2), 'cut.png', 400, /not whole/],
    [
      'the head of a JPEG before garbage',
      Buffer.concat([jpeg.subarray(0, 300), Buffer.alloc(5_000, 0x55)]),
      'a.jpg',
      400,
      /not whole/,
    ],
    ['a PNG with a wrong checksum', spoil(png), 'a.png', 400, /not whole/],
    [
      'a bomb: 30,000 × 30,000 pixels in a megabyte',
      bomb(30_000, 30_000),
      'bomb.png',
      400,
      /30000 × 30000 pixels, more than 4 million/,
    ],
    [
      'dimensions of a lie: 2,000,000,000 × 1',
      bomb(2_000_000_000, 1, false),
      'wide.png',
      400,
      /not whole|pixels/,
    ],
    ['dimensions of nothing', bomb(0, 0, false), 'none.png', 400, /not whole/],
    [
      'more bytes than are allowed',
      Buffer.concat([jpeg, Buffer.alloc(3_500_000)]),
      'big.jpg',
      413,
      /larger than 2\.9 MB/,
    ],
  ]
  for (const [title, content, filename, status, says] of rows)
    test(title, async () => {
      const reply = await scene.upload(who, content, { filename })
      assert.equal(reply.status, status, reply.text)
      assert.match(JSON.parse(reply.text).detail, says)
      await nothingStays()
    })

  test('more than the proxy lets through', async () => {
    const reply = await scene
      .upload(who, Buffer.concat([jpeg, Buffer.alloc(12_000_000)]))
      .catch((error) => error)
    // The proxy answers while the client still sends, which some clients hear as a reset.
    assert.ok(
      reply.status === 413 || reply.code === 'EPIPE' || reply.code === 'ECONNRESET',
      String(reply.status ?? reply.code),
    )
    await nothingStays()
  })

  const forms: [title: string, form: { body: Buffer | string; type: string }, says: RegExp][] = [
    ['a form without a picture', formOf({ model_id: 'repair' }), /no picture in the form/],
    [
      'a picture in another field',
      formOf({}, { name: 'photo', filename: 'a.jpg', content: jpeg }),
      /belongs into the field "file"/,
    ],
    ['no form at all', { body: jpeg, type: 'image/jpeg' }, /not a form/],
    [
      'a form without its boundary',
      { body: formOf({}).body, type: 'multipart/form-data' },
      /not a form|cannot be read/,
    ],
    [
      'a form that never ends',
      {
        body: formOf({}, { name: 'file', filename: 'a.jpg', content: jpeg }).body.subarray(0, -40),
        type: formOf({}).type,
      },
      /broke off/,
    ],
    [
      'parameters that are no JSON',
      formOf({ model_id: 'repair', parameters: '{' }, { name: 'file', filename: 'a.jpg', content: jpeg }),
      /not JSON/,
    ],
    [
      'fields without end',
      formOf(Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`f${i}`, 'x']))),
      /too many fields/,
    ],
    ['a field without end', formOf({ model_id: 'x'.repeat(100_000) }), /too long/],
  ]
  for (const [title, { body, type }, says] of forms)
    test(title, async () => {
      const reply = await scene.ask('/api/v1/restore', {
        method: 'POST',
        headers: { ...who, 'content-type': type },
        body: Buffer.from(body),
      })
      assert.equal(reply.status, 400, reply.text)
      assert.match(JSON.parse(reply.text).detail, says)
      await nothingStays()
    })

  for (const [title, by] of [
    ['promises more bytes than come', 50_000],
    ['promises fewer bytes than come', -50],
  ] as const)
    test(`one that ${title}`, async () => {
      const { body, type } = formOf(
        { model_id: 'repair' },
        { name: 'file', filename: 'a.jpg', content: jpeg },
      )
      const answer = await sendRaw(
        `POST /api/v1/restore HTTP/1.1\r\nHost: photos.localhost:${scene.port}\r\nAuthorization: ${who.authorization}\r\n` +
          `Content-Type: ${type}\r\nContent-Length: ${body.length + by}\r\n\r\n`,
        body,
      )
      assert.doesNotMatch(answer, /^HTTP\/1\.1 2/)
      await nothingStays()
    })
})

describe('an upload that is made harmless', () => {
  test('tells nobody where it was taken', async () => {
    const withPlace = await sharp(jpeg)
      .withExif({
        IFD0: { Copyright: 'Ada' },
        IFD3: {
          GPSLatitudeRef: 'N',
          GPSLatitude: '51/1 30/1 0/1',
          GPSLongitudeRef: 'W',
          GPSLongitude: '0/1 7/1 0/1',
        },
      })
      .toBuffer()
    assert.ok((await sharp(withPlace).metadata()).exif)
    const answer = JSON.parse((await scene.upload(who, withPlace, { sync: true })).text)
    assert.deepEqual(answer.notes, ['The place where it was taken stood in the file, and was removed.'])
    for (const path of [answer.original_url, answer.processed_url, answer.thumbnail_url]) {
      const { body } = await scene.ask(path, { headers: who })
      const { exif, xmp, iptc } = await sharp(body).metadata()
      assert.deepEqual([exif, xmp, iptc], [undefined, undefined, undefined], path)
      assert.equal(body.includes('Ada'), false)
    }
  })

  test('is upright, and says so', async () => {
    const sideways = await sharp(jpeg)
      .resize(200, 100, { fit: 'fill' })
      .withMetadata({ orientation: 6 })
      .toBuffer()
    const answer = JSON.parse((await scene.upload(who, sideways, { sync: true })).text)
    assert.ok(answer.notes.includes('It was turned upright.'))
    assert.deepEqual([answer.width, answer.height], [100, 200])
  })

  test('loses what was hidden behind the picture: a page, an archive', async () => {
    const page = '<script>fetch("/api/v1/restore/history")</script>PK\x03\x04'
    const answer = JSON.parse(
      (await scene.upload(who, Buffer.concat([jpeg, Buffer.from(page)]), { filename: 'both.html' })).text,
    )
    const { body, headers } = await scene.ask(answer.original_url, { headers: who })
    assert.equal(body.includes('script'), false)
    assert.deepEqual([headers['content-type'], headers['x-content-type-options']], ['image/jpeg', 'nosniff'])
    assert.match(answer.original_url, /_both\.jpg$/)
  })

  for (const [filename, shown, stem] of [
    ['../../../etc/passwd.jpg', 'passwd.jpg', 'passwd'],
    ['..\\\\..\\\\boot.jpg', 'boot.jpg', 'boot'],
    ['a\u202egpj.exe', 'agpj.exe', 'agpj'],
    ['<img src=x onerror=alert(1)>.jpg', '<img src=x onerror=alert(1)>.jpg', 'img-src-x-onerror-alert-1'],
    ['.jpg', '.jpg', 'photo'],
    ['x'.repeat(400), 'x'.repeat(200), 'x'.repeat(60)],
  ] as const)
    test(`called ${JSON.stringify(filename.slice(0, 40))} lies where all lie`, async () => {
      const answer = JSON.parse((await scene.upload(who, jpeg, { filename })).text)
      assert.equal(answer.original_filename, shown)
      assert.equal(answer.original_url, `/uploads/${answer.session_id}/${answer.id}_${stem}.jpg`)
      const names = await readdir(`${scene.data}/uploads`)
      assert.ok(names.includes(`${answer.id}.jpg`))
    })
})

test('after all of that the service is the one that was started, and takes pictures', async () => {
  assert.equal(scene.service.child.exitCode, null)
  assert.equal((await scene.upload(who, png, { filename: 'well.png', sync: true })).status, 200)
})

async function nothingStays(): Promise<void> {
  await eventually(async () => (await readdir(`${scene.data}/uploads/incoming`)).length === 0)
}

function spoil(content: Buffer): Buffer {
  const spoilt = Buffer.from(content)
  const middle = Math.floor(spoilt.length / 2)
  for (let i = 0; i < 64; i++) spoilt[middle + i] = 0xaa
  return spoilt
}

/** A PNG that says it has that many pixels. Its rows are zeros, which deflate to a thousandth. */
function bomb(width: number, height: number, whole = true): Buffer {
  const head = Buffer.alloc(13)
  head.writeUInt32BE(width >>> 0, 0)
  head.writeUInt32BE(height >>> 0, 4)
  // One bit a pixel, grey.
  head[8] = 1
  const rows = whole ? Buffer.alloc((Math.ceil(width / 8) + 1) * height) : Buffer.alloc(64)
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', head),
    chunk('IDAT', deflateSync(rows)),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

function chunk(type: string, data: Buffer): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(data.length)
  const typed = Buffer.concat([Buffer.from(type, 'latin1'), data])
  const sum = Buffer.alloc(4)
  sum.writeUInt32BE(crc32(typed))
  return Buffer.concat([length, typed, sum])
}

function sendRaw(head: string, body: Buffer): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({
      host: '127.0.0.1',
      port: scene.port,
      servername: 'photos.localhost',
      rejectUnauthorized: false,
      ALPNProtocols: ['http/1.1'],
    })
    let text = ''
    socket.on('data', (data) => {
      text += data
      socket.end()
    })
    socket.on('error', () => {})
    socket.on('close', () => resolve(text))
    socket.write(head)
    // The promise of more is broken by leaving.
    socket.write(body, () => setTimeout(() => socket.end(), 300))
  })
}
