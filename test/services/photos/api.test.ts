import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readdir } from 'node:fs/promises'
import { request as httpsRequest } from 'node:https'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { decodePicture } from '../../../services/photos/engines/local/picture.ts'
import { eventually } from '../../harness/eventually.ts'
import { needs, pathOf } from '../../harness/parts.ts'
import { damages, jpegOf, paint } from './known-pictures.ts'
import { likeness } from './likeness.ts'
import { jsonOf, password, startScene } from './scene.ts'

/** The API of the photos service through the proxy, over HTTPS, as its clients know it. */

const scene = await startScene({ after })
const admin = await scene.signIn()
const truth = await paint('portrait', 320)
const jpeg = await jpegOf(damages.scratches(truth))

await scene.ask('/api/v1/admin/users', {
  ...jsonOf({ username: 'bea', password: 'Another1958' }),
  headers: { ...admin, 'content-type': 'application/json' },
})
const bea = await scene.signIn('bea', 'Another1958')

describe('the health check', () => {
  test('answers as it always has, to anybody', async () => {
    const { status, text } = await scene.ask('/health')
    assert.equal(status, 200)
    assert.deepEqual(JSON.parse(text), { status: 'healthy', app: 'Photo Restoration API', version: '1.0.0' })
  })

  test('can be asked with curl', needs('curl'), async () => {
    const { host } = new URL(scene.origin)
    const { stdout } = await promisify(execFile)(pathOf('curl'), [
      '-sk',
      '--resolve',
      `${host}:127.0.0.1`,
      `${scene.origin}/health`,
    ])
    assert.equal(JSON.parse(stdout).status, 'healthy')
  })
})

describe('signing in', () => {
  test('hands out a token for a day, and a cookie that no script and no other site can use', async () => {
    const { status, text, headers } = await scene.ask(
      '/api/v1/auth/login',
      jsonOf({ username: 'admin', password }),
    )
    const { access_token, ...rest } = JSON.parse(text)
    assert.equal(status, 200)
    assert.deepEqual(rest, { token_type: 'bearer', expires_in: 86_400 })
    const claims = JSON.parse(Buffer.from(access_token.split('.')[1], 'base64url').toString())
    assert.equal(claims.sub, 'admin')
    assert.equal(claims.exp - claims.iat, 86_400)
    assert.match(
      String(headers['set-cookie']),
      /^__Host-photos=[\w.-]+; Path=\/; HttpOnly; Secure; SameSite=Strict$/,
    )
  })

  test('holds for a week when it is to be remembered', async () => {
    const { text, headers } = await scene.ask(
      '/api/v1/auth/login',
      jsonOf({ username: 'admin', password, remember_me: true }),
    )
    assert.equal(JSON.parse(text).expires_in, 604_800)
    assert.match(String(headers['set-cookie']), /Max-Age=604800/)
  })

  for (const [title, body] of [
    ['a wrong password', { username: 'admin', password: 'guessed' }],
    ['a name that nobody has', { username: 'nobody', password }],
  ] as const)
    test(`answers the same to ${title}`, async () => {
      const { status, text, headers } = await scene.ask('/api/v1/auth/login', jsonOf(body))
      assert.equal(status, 401)
      assert.equal(JSON.parse(text).detail, 'Invalid credentials')
      assert.equal(headers['www-authenticate'], 'Bearer')
    })

  test('tells who one is, and ends', async () => {
    const who = await scene.signIn()
    const me = await scene.ask('/api/v1/auth/me', { headers: who })
    assert.deepEqual([JSON.parse(me.text).username, JSON.parse(me.text).role], ['admin', 'admin'])
    const out = await scene.ask('/api/v1/auth/logout', { method: 'POST', headers: who })
    assert.equal(out.status, 204)
    assert.match(String(out.headers['set-cookie']), /__Host-photos=;/)
    // The proxy cannot know that it ended; the service does.
    assert.equal((await scene.ask('/api/v1/auth/me', { headers: who })).status, 401)
  })

  test('lets nobody but an administrator make users', async () => {
    const body = jsonOf({ username: 'carl', password: 'Another1958' })
    const asBea = await scene.ask('/api/v1/admin/users', {
      ...body,
      headers: { ...bea, 'content-type': 'application/json' },
    })
    assert.equal(asBea.status, 403)
    const weak = jsonOf({ username: 'carl', password: 'short' })
    const weakly = await scene.ask('/api/v1/admin/users', {
      ...weak,
      headers: { ...admin, 'content-type': 'application/json' },
    })
    assert.equal(weakly.status, 400)
  })
})

describe('without a token', () => {
  for (const [method, path] of [
    ['GET', '/api/v1/models'],
    ['POST', '/api/v1/restore'],
    ['GET', '/api/v1/restore/history'],
    ['GET', '/api/v1/auth/me'],
    ['GET', '/uploads/a/b.jpg'],
    ['GET', '/processed/a/b.jpg'],
    ['GET', '/api/v1/auth/../restore/history'],
    ['GET', '/API/v1/models'],
  ] as const)
    test(`${method} ${path} reaches nothing of anybody, over HTTP/1.1 and HTTP/2`, async () => {
      const one = await scene.ask('/', { method, target: path })
      const two = await scene.askHttp2(path, { method })
      const expected = path === '/API/v1/models' ? [404] : [401]
      assert.ok(expected.includes(one.status), `HTTP/1.1: ${one.status} ${one.text}`)
      assert.ok(expected.includes(two.status), `HTTP/2: ${two.status} ${two.text}`)
    })

  test('no WebSocket opens either', async () => {
    const headers = {
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
    }
    assert.equal((await scene.ask('/api/v1/models', { headers })).status, 401)
  })

  test('the service itself asks as well, past the proxy', async () => {
    const service = /serves (http:\S+)/.exec(scene.service.log)?.[1] ?? ''
    for (const path of ['/api/v1/models', '/api/v1/restore/history', '/uploads/a/b.jpg'])
      assert.equal((await fetch(service + path)).status, 401)
  })
})

describe('models', () => {
  test('are listed with what can be set of each', async () => {
    const { models, total } = JSON.parse((await scene.ask('/api/v1/models', { headers: admin })).text)
    assert.equal(models.length, total)
    const [first] = models
    for (const key of [
      'id',
      'name',
      'model',
      'provider',
      'category',
      'description',
      'parameters',
      'tags',
      'version',
    ])
      assert.ok(key in first, key)
    assert.equal(first.schema.properties.denoise.maximum, 2)
    const away = models.find(({ provider }: { provider: string }) => provider === 'fal-ai')
    assert.deepEqual([away.available, /no key/.test(away.unavailable_because)], [false, true])
    assert.equal((await scene.ask('/api/v1/models/restore', { headers: admin })).status, 200)
    assert.equal((await scene.ask('/api/v1/models/none', { headers: admin })).status, 404)
  })
})

describe('a restoration', () => {
  test('is answered when it is done, and the picture is better than it was', async () => {
    const { status, text } = await scene.upload(admin, jpeg, { sync: true, filename: 'Großmutter 1958.JPG' })
    assert.equal(status, 200, text)
    const answer = JSON.parse(text)
    assert.match(
      answer.original_url,
      new RegExp(`^/uploads/${answer.session_id}/${answer.id}_Gro-mutter-1958\\.jpg$`),
    )
    assert.match(
      answer.processed_url,
      new RegExp(`^/processed/${answer.session_id}/${answer.id}_Gro-mutter-1958_processed\\.jpg$`),
    )
    assert.equal(answer.original_filename, 'Großmutter 1958.JPG')
    assert.equal(answer.model_id, 'repair')
    const restored = await scene.ask(answer.processed_url, { headers: admin })
    assert.equal(restored.headers['content-type'], 'image/jpeg')
    assert.equal(restored.headers['cache-control'], 'private, max-age=3600')
    assert.match(String(restored.headers['content-security-policy']), /default-src 'none'.*sandbox/)
    const before = likeness(await decodePicture(jpeg), truth)
    const now = likeness(await decodePicture(restored.body), truth)
    assert.ok(now.psnr > before.psnr + 4, `${before.psnr} → ${now.psnr}`)

    const download = await scene.ask(`/api/v1/restore/${answer.id}/download`, { headers: admin })
    assert.equal(
      download.headers['content-disposition'],
      'attachment; filename=Gro-mutter-1958_processed.jpg',
    )
    const history = JSON.parse((await scene.ask('/api/v1/restore/history?limit=1', { headers: admin })).text)
    assert.deepEqual([history.items[0].id, history.limit, history.offset], [answer.id, 1, 0])
  })

  test('is told of as it goes on, over HTTP/2', async () => {
    const { status, text } = await scene.upload(admin, jpeg, { model: 'restore' })
    assert.equal(status, 202)
    const { id } = JSON.parse(text)
    const { text: events, headers } = await scene.askHttp2(`/api/v1/restore/${id}/events`, { headers: admin })
    assert.match(String(headers['content-type']), /^text\/event-stream/)
    const told = events.split('\n\n').filter(Boolean)
    assert.ok(told.length >= 3, events)
    assert.match(events, /"step":"Smoothing grain"/)
    assert.match(told.at(-1) ?? '', /^event: done\ndata: .*"progress":1,/)
  })

  test('is told of to sixteen at a time of one user, each of whom costs a look into the table', async () => {
    // Several before it, so that it waits for as long as they ask.
    const large = await jpegOf(await paint('portrait', 560))
    for (let before = 0; before < 2; before++) await scene.upload(bea, large, { model: 'restore' })
    const { id } = JSON.parse((await scene.upload(bea, large, { model: 'restore' })).text)
    const follow = (who: { authorization: string }) =>
      scene.ask(`/api/v1/restore/${id}/events`, { headers: who, from: '127.0.0.41', timeout: 90_000 })
    const replies = await Promise.all(Array.from({ length: 20 }, () => follow(bea)))
    const refused = replies.filter(({ status }) => status === 429)
    assert.deepEqual([refused.length, replies.filter(({ status }) => status === 200).length], [4, 16])
    assert.ok(refused.every(({ text }) => /Close one of them/.test(text)))
    assert.equal((await follow(bea)).status, 200, 'those that ended left their places')
    const { items } = JSON.parse((await scene.ask('/api/v1/restore/history', { headers: bea })).text)
    for (const each of items)
      await scene.ask(`/api/v1/restore/${each.id}`, { method: 'DELETE', headers: bea })
  })

  test('is nobody else’s: no address of it answers another user', async () => {
    const { text } = await scene.upload(admin, jpeg, { sync: true })
    const answer = JSON.parse(text)
    const id = `/api/v1/restore/${answer.id}`
    for (const path of [
      id,
      `${id}/events`,
      `${id}/download`,
      answer.original_url,
      answer.processed_url,
      answer.thumbnail_url,
    ]) {
      assert.equal((await scene.ask(path, { headers: admin })).status, 200, path)
      assert.equal((await scene.ask(path, { headers: bea })).status, 404, path)
    }
    assert.equal((await scene.ask(id, { method: 'DELETE', headers: bea })).status, 404)
    assert.equal(JSON.parse((await scene.ask('/api/v1/restore/history', { headers: bea })).text).total, 0)
    // The right id under a wrong name, a wrong session, or with a detour.
    const [, , session, name] = answer.original_url.split('/')
    for (const path of [
      `/uploads/${session}/${answer.id}_other.jpg`,
      `/uploads/${answer.id}/${name}`,
      `/processed/${session}/${name}`,
      `/uploads/${session}/${answer.id}`,
      `/uploads/${session}/`,
      `/uploads/${session}/..%2f${name}`,
    ])
      assert.ok([400, 404].includes((await scene.ask('/', { target: path, headers: admin })).status), path)
  })

  test('goes with all of its pictures when it is deleted', async () => {
    const answer = JSON.parse((await scene.upload(admin, jpeg, { sync: true })).text)
    const gone = await scene.ask(`/api/v1/restore/${answer.id}`, { method: 'DELETE', headers: admin })
    assert.equal(gone.status, 204)
    for (const path of [
      `/api/v1/restore/${answer.id}`,
      answer.original_url,
      answer.processed_url,
      answer.thumbnail_url,
    ])
      assert.equal((await scene.ask(path, { headers: admin })).status, 404, path)
  })

  const wrong: [title: string, more: Parameters<typeof scene.upload>[2], status: number, says: RegExp][] = [
    ['a model that is not there', { model: 'none' }, 404, /no model "none"/],
    ['a model without its key', { model: 'kontext' }, 503, /set no key/],
    ['a parameter out of its range', { parameters: { scratches: 9 } }, 400, /parameters\.scratches: /],
    ['a parameter that nobody knows', { parameters: { magic: 1 } }, 400, /magic/],
  ]
  for (const [title, more, status, says] of wrong)
    test(`is refused for ${title}, and says why`, async () => {
      const reply = await scene.upload(admin, jpeg, more)
      assert.equal(reply.status, status, reply.text)
      assert.match(JSON.parse(reply.text).detail, says)
    })
})

describe('the cookie of the page', () => {
  const cookie = { cookie: `__Host-photos=${admin.authorization.slice(7)}` }

  test('is enough to read, and for pictures', async () => {
    assert.equal((await scene.ask('/api/v1/restore/history', { headers: cookie })).status, 200)
  })

  test('changes nothing when another site asked for it', async () => {
    const answer = JSON.parse((await scene.upload(admin, jpeg)).text)
    const remove = (headers: Record<string, string>) =>
      scene.ask(`/api/v1/restore/${answer.id}`, { method: 'DELETE', headers: { ...cookie, ...headers } })
    for (const headers of [
      {},
      { origin: 'https://elsewhere.example' },
      { origin: scene.origin.replace('photos.', '') },
      { 'sec-fetch-site': 'same-site', origin: scene.origin },
      { 'sec-fetch-site': 'cross-site' },
      { origin: 'null' },
    ])
      assert.equal((await remove(headers as Record<string, string>)).status, 403, JSON.stringify(headers))
    assert.equal((await remove({ origin: scene.origin, 'sec-fetch-site': 'same-origin' })).status, 204)
  })

  test('beside the token of somebody else is refused at the proxy', async () => {
    const both = { ...cookie, ...bea }
    assert.equal((await scene.ask('/api/v1/restore/history', { headers: both })).status, 401)
  })
})

describe('the page', () => {
  test('is served for every path that a person may open, with its policies', async (t) => {
    const html = { accept: 'text/html' }
    const { status, headers, text } = await scene.ask('/pictures/7', { headers: html })
    if (status === 404) return t.skip('the page is not built')
    assert.equal(status, 200)
    assert.match(text, /<base href="\/"/)
    assert.match(String(headers['content-security-policy']), /default-src 'self'/)
    assert.doesNotMatch(
      String(headers['content-security-policy']).match(/script-src[^;]*/)?.[0] ?? '',
      /unsafe/,
    )
    assert.equal(headers['cache-control'], 'no-cache')
    const script = /src="\.?\/?(assets\/[\w.-]+\.js)"/.exec(text)?.[1] ?? ''
    for (const coding of ['gzip', 'br']) {
      const asset = await scene.ask(`/${script}`, { headers: { 'accept-encoding': coding } })
      assert.equal(asset.headers['cache-control'], 'public, max-age=31536000, immutable')
      assert.equal(asset.headers['content-encoding'], coding)
    }
  })
})

test('an upload whose client leaves is forgotten', async () => {
  const left = new Promise<void>((resolve) => {
    const sent = httpsRequest({
      host: '127.0.0.1',
      port: scene.port,
      path: '/api/v1/restore',
      method: 'POST',
      servername: 'photos.localhost',
      rejectUnauthorized: false,
      headers: {
        ...admin,
        host: `photos.localhost:${scene.port}`,
        'content-type': 'multipart/form-data; boundary=x',
        'content-length': '100000',
      },
    })
    sent.on('error', () => resolve())
    sent.write('--x\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n')
    sent.write(jpeg.subarray(0, 2_000), () => setTimeout(() => sent.destroy(), 200))
  })
  await left
  await eventually(async () => (await readdir(join(scene.data, 'uploads/incoming'))).length === 0)
})
