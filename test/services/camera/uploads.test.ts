import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { eventually } from '../../harness/eventually.ts'
import { rawConnect } from '../../harness/raw-request.ts'
import { request } from '../../harness/request.ts'
import { chunkSize, chunksOf, multipart, openSession, sha256, someRecording } from './client.ts'
import { startCamera } from './service.ts'

/** Recordings in chunks: whole in the end, whatever happened on the way. */

const embedded = await startCamera({ after })

describe('a recording', () => {
  test('is whole when its chunks came out of order, and each of them twice', async () => {
    const client = await openSession(() => embedded.url)
    const recording = someRecording(chunkSize * 5 + 1234)
    const chunks = chunksOf(recording)
    for (const index of [5, 0, 3, 3, 1, 5, 4, 0]) {
      const { status, text } = await client.send('backwards', chunks[index] as Buffer, { index, total: 6 })
      assert.equal(status, 200, text)
      assert.equal(JSON.parse(text).status, 'chunk_received')
    }
    assert.deepEqual((await client.status('backwards')).missing, [[2, 2]])
    const last = await client.send('backwards', chunks[2] as Buffer, { index: 2, total: 6 })
    const { status, file_path } = JSON.parse(last.text)
    assert.equal(status, 'video_complete')
    assert.equal(file_path, `/api/session/${client.sessionId}/recordings/backwards`)
    const late = await client.send('backwards', chunks[4] as Buffer, { index: 4, total: 6 })
    assert.equal(JSON.parse(late.text).status, 'video_complete', 'a chunk that comes once more is no harm')
    const { body, headers } = await client.fetch('backwards')
    assert.equal(sha256(body), sha256(recording))
    assert.equal(headers['content-type'], 'video/webm')
  })

  test('may begin before anybody knows how long it gets', async () => {
    const client = await openSession(() => embedded.url)
    const recording = someRecording(chunkSize * 3)
    const chunks = chunksOf(recording)
    for (const index of [0, 2]) await client.send('live', chunks[index] as Buffer, { index })
    const { missing, total_chunks } = await client.status('live')
    assert.deepEqual([missing, total_chunks], [[[1, 1]], null])
    await client.send('live', chunks[1] as Buffer, { index: 1 })
    assert.equal((await client.status('live')).status, 'chunk_received')
    await client.send('live', chunks[2] as Buffer, { index: 2, total: 3 })
    assert.equal(sha256((await client.fetch('live')).body), sha256(recording))
  })

  test('is played in ranges, by its own session only, and goes when it is deleted', async () => {
    const client = await openSession(() => embedded.url)
    const other = await openSession(() => embedded.url)
    const recording = someRecording(1000)
    await client.send('one', recording, { index: 0, total: 1 })
    const part = await client.fetch('one', { range: 'bytes=10-19' })
    assert.equal(part.status, 206)
    assert.deepEqual(part.body, recording.subarray(10, 20))
    const address = `${embedded.url}/api/session/${client.sessionId}/recordings/one`
    const cookie = `camera_session=${client.token}`
    assert.equal((await request(address, { headers: { cookie } })).status, 200)
    assert.equal((await request(address)).status, 401)
    const foreign = { authorization: `Bearer ${other.token}` }
    assert.equal((await request(address, { headers: foreign })).status, 403)
    assert.equal((await request(address, { method: 'DELETE', headers: { cookie } })).status, 401)
    assert.equal((await request(address, { method: 'DELETE', headers: foreign })).status, 403)
    const own = { authorization: `Bearer ${client.token}` }
    assert.equal((await request(address, { method: 'DELETE', headers: own })).status, 204)
    assert.equal((await client.fetch('one')).status, 404)
    assert.deepEqual(await client.videos(), [])
  })

  test('loses nothing but the chunk whose connection broke', async () => {
    const client = await openSession(() => embedded.url)
    const recording = someRecording(chunkSize * 2)
    const [first, second] = chunksOf(recording) as [Buffer, Buffer]
    await client.send('cut', first, { index: 0, total: 2 })
    const { socket, body, half } = await sendHalf(client.sessionId, client.token, 'cut', second)
    // The first half is on the way and stays there, as on a phone that lost its network: the chunk comes again.
    const again = await client.send('cut', second, { index: 1, total: 2 })
    assert.equal(JSON.parse(again.text).status, 'video_complete')
    socket.write(body.subarray(half))
    socket.destroy()
    assert.equal(sha256((await client.fetch('cut')).body), sha256(recording))
  })

  test('does not count what came in half', async () => {
    const client = await openSession(() => embedded.url)
    const recording = someRecording(chunkSize * 2)
    const [first, second] = chunksOf(recording) as [Buffer, Buffer]
    await client.send('half', first, { index: 0, total: 2 })
    const { socket } = await sendHalf(client.sessionId, client.token, 'half', second)
    socket.destroy()
    await eventually(() => /The chunk did not arrive whole|a client left/.test(embedded.log()))
    assert.deepEqual((await client.status('half')).missing, [[1, 1]])
    await client.send('half', second, { index: 1, total: 2 })
    assert.equal(sha256((await client.fetch('half')).body), sha256(recording))
  })
})

describe('what is said about a recording', () => {
  test('is kept, and shown to its own session', async () => {
    const client = await openSession(() => embedded.url)
    await client.send('said', someRecording(500), { index: 0, total: 1 })
    const said = { prompt_id: 'smile', duration: 2.5, resolution: '640x480', codec: 'vp9', frame_rate: 29.97 }
    const { status } = await sendMetadata(client.sessionId, client.token, { video_id: 'said', ...said })
    assert.equal(status, 200)
    const [video] = await client.videos()
    assert.deepEqual(video?.metadata, said)
  })

  const bombs: [what: string, body: object | string, status: number][] = [
    ['a field that nobody asked for', { video_id: 'said', callback: 'http://169.254.169.254/' }, 400],
    ['a prototype', '{"video_id":"said","__proto__":{"admin":true}}', 400],
    ['a name that is a path', { video_id: '../../etc/passwd' }, 400],
    ['a text without end', { video_id: 'said', browser: 'x'.repeat(10_000) }, 400],
    ['more than fits', { video_id: 'said', browser: 'x'.repeat(40_000) }, 413],
    ['a thousand levels', `{"video_id":${'['.repeat(1000)}${']'.repeat(1000)}}`, 400],
    ['a number that is none', { video_id: 'said', duration: '1e400' }, 400],
    ['half an object', '{"video_id":', 400],
    ['a recording that is not there', { video_id: 'nowhere' }, 404],
  ]
  for (const [what, body, expected] of bombs)
    test(`is refused with ${expected} when it is ${what}`, async () => {
      const client = await openSession(() => embedded.url)
      await client.send('said', someRecording(500), { index: 0, total: 1 })
      const { status, text } = await sendMetadata(client.sessionId, client.token, body)
      assert.equal(status, expected, text)
      assert.deepEqual(
        (await client.videos()).map(({ metadata }) => metadata),
        [null],
      )
    })
})

describe('a chunk is refused', () => {
  const whole = someRecording(chunkSize)
  const rows: [what: string, fields: Parameters<typeof hostile>[0], status: number, reason: RegExp][] = [
    ['when its index is huge', { index: 9_999_999 }, 413, /at most/],
    ['when its index is beyond the total', { index: 7, total: 3 }, 400, /the last of 3/],
    ['when its index is no number', { index: 0, form: { chunk_index: '-1' } }, 400, /chunk_index/],
    ['when its index is a power', { index: 0, form: { chunk_index: '1e3' } }, 400, /chunk_index/],
    ['when the total is more than a recording has', { index: 0, total: 9_000_000 }, 413, /at most/],
    ['when it is larger than it says', { index: 0, size: 65_000, total: 1 }, 400, /size/],
    [
      'when it is smaller than it says',
      { index: 0, chunk: whole.subarray(0, 100), size: chunkSize },
      400,
      /size/,
    ],
    ['when it is small and not the last', { index: 0, chunk: whole.subarray(0, 100) }, 400, /only the last/],
    ['when it is empty', { index: 0, total: 1, chunk: Buffer.alloc(0) }, 400, /size/],
    ['when its digest is another', { index: 0, form: { sha256: '0'.repeat(64) } }, 400, /another digest/],
    ['without a digest', { index: 0, form: { sha256: undefined } }, 400, /sha256: is missing/],
    ['when its name is a path', { index: 0, form: { video_id: '../../../etc/cron.d/x' } }, 400, /video_id/],
    [
      'when its extension is a path',
      { index: 0, form: { file_extension: '/../../x.html' } },
      400,
      /file_extension/,
    ],
    [
      'when it is of a kind that is no recording',
      { index: 0, form: { file_extension: 'html' } },
      400,
      /file_ext/,
    ],
    [
      'when it holds no recording',
      { index: 0, chunk: Buffer.alloc(chunkSize, '<script>') },
      415,
      /does not begin/,
    ],
    ['when it asks for chunks of a byte', { index: 0, form: { chunk_size: '1' } }, 400, /chunk_size/],
    [
      'when it asks for chunks of a gigabyte',
      { index: 0, form: { chunk_size: '999999999' } },
      400,
      /chunk_size/,
    ],
    [
      'with a field that nobody asked for',
      { index: 0, form: { callback: 'http://127.0.0.1:8003/v2' } },
      400,
      /callback/,
    ],
    ['with a field without end', { index: 0, form: { video_type: 'x'.repeat(5000) } }, 400, /too long/],
    ['with no token', { index: 0, token: '' }, 401, /token is needed/],
    ['with a token that is not ours', { index: 0, token: 'A'.repeat(43) }, 401, /is over/],
    [
      'for a session that is not there',
      { index: 0, form: { session_id: crypto.randomUUID() } },
      403,
      /another session/,
    ],
    ['for a session that is a path', { index: 0, form: { session_id: '..' } }, 400, /session_id/],
  ]
  for (const [what, fields, status, reason] of rows)
    test(`${what}, with ${status}, and leaves nothing`, async () => {
      const { reply, videos } = await hostile(fields)
      assert.equal(reply.status, status, reply.text)
      assert.match(reply.text, reason)
      assert.ok(videos.every(({ size }) => size === 0))
    })

  test('with the token of another session, which learns nothing of it', async () => {
    const victim = await openSession(() => embedded.url)
    const thief = await openSession(() => embedded.url)
    await victim.send('mine', whole, { index: 0 })
    const stolen = await victim.send('mine', whole, { index: 1, token: thief.token })
    assert.equal(stolen.status, 403)
    const address = `${embedded.url}/api/upload/status?session_id=${victim.sessionId}&video_id=mine`
    const asked = await request(address, { headers: { authorization: `Bearer ${thief.token}` } })
    assert.equal(asked.status, 403)
    assert.deepEqual((await victim.status('mine')).received, 1)
  })

  test('when one with another digest is there already, and that one stays', async () => {
    const client = await openSession(() => embedded.url)
    await client.send('kept', whole, { index: 0 })
    const forged = await client.send('kept', someRecording(chunkSize), { index: 0 })
    assert.equal(forged.status, 409)
    await client.send('kept', whole.subarray(0, 10), { index: 1, total: 2 })
    assert.equal(
      sha256((await client.fetch('kept')).body),
      sha256(Buffer.concat([whole, whole.subarray(0, 10)])),
    )
  })

  test('when it tells another length than the ones before it', async () => {
    const client = await openSession(() => embedded.url)
    await client.send('long', whole, { index: 0, total: 3 })
    assert.equal((await client.send('long', whole, { index: 1, total: 4 })).status, 409)
    await client.send('open', whole, { index: 5 })
    assert.equal((await client.send('open', whole, { index: 0, total: 2 })).status, 409)
  })

  test('when its form is none, or is the wrong way round', async () => {
    const { sessionId, token } = await openSession(() => embedded.url)
    const post = (type: string, body: string | Buffer) =>
      request(`${embedded.url}/api/upload/chunk`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': type },
        body,
      })
    assert.equal((await post('application/json', '{}')).status, 415)
    assert.equal((await post('multipart/form-data', 'x')).status, 400)
    assert.equal((await post('multipart/form-data; boundary=x', '--x\r\nnonsense')).status, 400)
    const crowd = Object.fromEntries(Array.from({ length: 40 }, (_, at) => [`field${at}`, 'x']))
    const many = multipart({ session_id: sessionId, ...crowd }, whole)
    assert.equal((await post(many.type, many.body)).status, 400)
    const renamed = multipart({ session_id: sessionId }, whole, 'other')
    assert.equal((await post(renamed.type, renamed.body)).status, 400)
  })

  async function hostile(
    fields: Parameters<Awaited<ReturnType<typeof openSession>>['send']>[2] & { chunk?: Buffer },
  ) {
    const client = await openSession(() => embedded.url)
    const reply = await client.send('hostile', fields.chunk ?? whole, fields)
    return { reply, videos: await client.videos() }
  }
})

/** Sends the head and half of a chunk, and leaves the connection open. */
async function sendHalf(sessionId: string, token: string, video: string, chunk: Buffer) {
  const fields = { session_id: sessionId, video_id: video, chunk_index: '1', total_chunks: '2' }
  const said = { chunk_size: String(chunkSize), size: String(chunk.length), sha256: sha256(chunk) }
  const { type, body } = multipart({ ...fields, ...said }, chunk)
  const socket = await rawConnect(Number(new URL(embedded.url).port))
  const head = [
    'POST /api/upload/chunk HTTP/1.1',
    'Host: camera',
    `Authorization: Bearer ${token}`,
    `Content-Type: ${type}`,
    `Content-Length: ${body.length}`,
  ]
  const half = body.length >> 1
  socket.write(`${head.join('\r\n')}\r\n\r\n`)
  await new Promise<void>((sent) => socket.write(body.subarray(0, half), () => sent()))
  return { socket, body, half }
}

function sendMetadata(sessionId: string, token: string, body: object | string) {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return request(`${embedded.url}/api/upload/metadata`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: text.replace('{', `{"session_id":"${sessionId}",`),
  })
}
