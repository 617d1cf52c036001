import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { startDevice } from '../../../services/hikvision/simulator/device.ts'
import {
  accessEvent,
  cameraEvent,
  heartbeat,
  type Sender,
  withPictures,
} from '../../../services/hikvision/simulator/payloads.ts'
import { request } from '../../harness/request.ts'
import { onEnd } from '../../harness/teardown.ts'
import { host, password, soon, startScene } from './scene.ts'

/** Events on their whole way: from a device through the proxy onto the disk, into the database, the logs and the page. */

const t = { after }
// What lies in a folder whose name begins with a dot was not handed out.
const data = '.data/hikvision'
const scene = await startScene(t, { DATA_DIR: data })

const jpeg = Buffer.from('ffd8ffe000104a46494600010100000100010000ffd9', 'hex')
let made = 0
function sender(): Sender {
  made += 1
  const hex = made.toString(16).padStart(2, '0')
  return { mac: `02:00:5e:10:00:${hex}`, serial: `SIM${made}`, address: '192.0.2.1', name: `Door ${made}` }
}

interface Shown {
  id: number
  kind: string
  title: string
  device: { id: number; name: string }
  pictures: { path: string }[]
  posts: number
  understood: boolean
}
async function eventsOf(query: string): Promise<Shown[]> {
  return (await scene.json<{ events: Shown[] }>('GET', `/admin/events?${query}`)).events
}

describe('events in', () => {
  const ways: [name: string, address: () => string, headers: Record<string, string>][] = [
    [
      'by name over HTTPS, at any path',
      () => `https://localhost:${scene.ports.https}/any/path/it/likes`,
      { host },
    ],
    ['by name over HTTPS, at the root', () => `https://localhost:${scene.ports.https}/`, { host }],
    [
      'by name over HTTPS, at a path that looks like the page',
      () => `https://localhost:${scene.ports.https}/administration`,
      { host },
    ],
    ['by address on the plain port', () => `http://127.0.0.1:${scene.ports.http}/hikvision/events`, {}],
    ['by address on the devices port', () => `http://127.0.0.1:${scene.ports.devices}/hikvision`, {}],
    [
      'by address, at a path that is the page elsewhere',
      () => `http://127.0.0.1:${scene.ports.devices}/hikvision/admin/session`,
      {},
    ],
  ]
  for (const [name, address, headers] of ways)
    test(`come ${name}, and are answered as devices want it`, async () => {
      const from = sender()
      const { type, body } = accessEvent(from, new Date(), {
        majorEventType: 5,
        subEventType: 75,
        serialNo: 1,
        employeeNoString: '7',
        name: 'Ada',
      })
      const reply = await request(address(), {
        method: 'POST',
        headers: { ...headers, 'content-type': type },
        body,
      })
      assert.equal(reply.status, 200)
      assert.equal(reply.headers['content-length'], '0')
      assert.equal(reply.headers['transfer-encoding'], undefined)
      const [event] = await soon(async () => {
        const found = await eventsOf(`q=${encodeURIComponent(from.name)}`)
        return found.length === 1 && found
      })
      assert.equal(event?.title, 'Face accepted')
    })

  test('bring their pictures, which are shown to those alone who have signed in', async () => {
    const from = sender()
    const payload = withPictures(
      cameraEvent(from, new Date(), 'linedetection'),
      [{ name: 'lineCrossImage', jpeg }],
      { boundary: 'boundary' },
    )
    const reply = await request(scene.events, {
      method: 'POST',
      headers: { 'content-type': payload.type },
      body: payload.body,
    })
    assert.equal(reply.status, 200)
    const path = await soon(async () => (await eventsOf('kind=line-crossing'))[0]?.pictures[0]?.path)
    const picture = await scene.ask(`/${path}`)
    assert.equal(picture.status, 200)
    assert.equal(picture.headers['content-type'], 'image/jpeg')
    assert.equal(picture.headers['x-content-type-options'], 'nosniff')
    assert.ok(picture.body.equals(jpeg))
    for (const cookie of ['', '__Host-hikvision=YWRtaW4.9999999999.AAAA'])
      assert.equal((await scene.ask(`/${path}`, { cookie })).status, 401)
    // Over the plain port there is no page at all, and so no picture.
    assert.equal((await request(`http://127.0.0.1:${scene.ports.devices}/hikvision/${path}`)).status, 405)
  })

  test('that are sent again are one event, and a picture that comes later is added', async () => {
    const from = sender()
    const at = new Date()
    const event = accessEvent(from, at, { majorEventType: 5, subEventType: 9, serialNo: 5, cardNo: '77' })
    const again = accessEvent(from, at, {
      majorEventType: 5,
      subEventType: 9,
      serialNo: 5,
      cardNo: '77',
      currentEvent: false,
    })
    const other = accessEvent(from, at, { majorEventType: 5, subEventType: 9, serialNo: 6, cardNo: '78' })
    for (const { type, body } of [
      event,
      event,
      again,
      withPictures(event, [{ name: 'Picture', jpeg }]),
      other,
    ])
      assert.equal(
        (await request(scene.events, { method: 'POST', headers: { 'content-type': type }, body })).status,
        200,
      )
    const found = await soon(async () => {
      const events = await eventsOf(`q=${encodeURIComponent(from.name)}`)
      return events.length > 1 && events[1]?.pictures.length === 1 && events
    })
    assert.equal(found.length, 2)
  })

  test('of an alarm that goes on are one event that counts its reports', async () => {
    const from = sender()
    const started = Date.now()
    for (let post = 1; post <= 5; post += 1) {
      const { type, body } = cameraEvent(from, new Date(started + post * 1000), 'VMD', '', post)
      await request(scene.events, { method: 'POST', headers: { 'content-type': type }, body })
    }
    const [motion, ...more] = await soon(async () => {
      const events = await eventsOf('kind=motion')
      return events[0]?.posts === 5 && events
    })
    assert.deepEqual([motion?.title, more.length], ['Motion', 0])
  })

  test('that nobody understands are kept byte for byte, marked, and answered with 200', async () => {
    const bytes = Buffer.from('\u0000 neither one nor the other \u0001 <')
    const reply = await request(scene.events, {
      method: 'POST',
      headers: { 'content-type': 'application/xml' },
      body: bytes,
    })
    assert.equal(reply.status, 200)
    const event = await soon(async () => (await eventsOf('understood=false'))[0])
    assert.equal(event.kind, 'unknown')
    const raw = await scene.ask(`/admin/events/${event.id}/raw`)
    assert.ok(raw.body.equals(bytes))
    assert.equal(raw.headers['content-type'], 'application/octet-stream')
    assert.match(String(raw.headers['content-disposition']), /^attachment/)
  })

  test('are no heartbeats: those say that a device lives, and how its clock goes', async () => {
    const from = sender()
    const { type, body } = heartbeat(from, new Date(Date.now() + 3_600_000))
    await request(scene.events, { method: 'POST', headers: { 'content-type': type }, body })
    const device = await soon(async () => {
      const { devices } = await scene.json<{ devices: Record<string, unknown>[] }>('GET', '/admin/devices')
      return devices.find(({ mac }) => mac === from.mac)
    })
    assert.equal(device.lastEvent, null)
    assert.ok(Math.abs(Number(device.drift) - 3_600_000) < 60_000, String(device.drift))
    assert.deepEqual(await eventsOf(`device=${device.id}`), [])
  })

  test('leave a byte too many behind them, and the connection alone ends', async () => {
    const { body } = cameraEvent(sender(), new Date(), 'PIR')
    const socket = connect(scene.ports.devices, '127.0.0.1')
    onEnd(t, () => void socket.destroy())
    const head = `POST /hikvision/events HTTP/1.1\r\nHost: 192.0.2.1\r\nContent-Type: application/xml\r\nContent-Length: ${body.length}\r\n\r\n`
    socket.write(Buffer.concat([Buffer.from(head), body, Buffer.from('#')]))
    let answer = ''
    socket.on('data', (chunk) => {
      answer += chunk
    })
    await soon(() => answer.startsWith('HTTP/1.1 200 '))
    await soon(async () => (await eventsOf('kind=pir')).length === 1)
  })

  test('are written to the logs of the day', async () => {
    const lines = await soon(async () => {
      const folder = join(scene.folder, data, 'logs')
      const files = await readdir(folder)
      const texts = await Promise.all(
        [/^hikvision_events_\d{4}-\d\d-\d\d\.log$/, /^Access Log \d{4}-\d\d-\d\d\.log$/].map((name) =>
          readFile(join(folder, files.find((file) => name.test(file)) ?? ''), 'utf8'),
        ),
      )
      return texts.map((text) =>
        text
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line)),
      )
    })
    assert.ok(lines[0]?.some(({ kind }) => kind === 'motion'))
    assert.ok(lines[1]?.every(({ code }) => code === '5/75'))
  })
})

describe('the page', () => {
  test('is told of events as they come', async () => {
    const from = sender()
    const device = await startDevice({ ...from, login: { user: 'admin', password: 'device-password' } })
    onEnd(t, () => device.stop())
    const controller = new AbortController()
    onEnd(t, () => controller.abort())
    const cookie = await scene.signIn()
    const heard: string[] = []
    const listening = Promise.withResolvers<void>()
    const { get } = await import('node:https')
    const asked = get(
      `https://localhost:${scene.ports.https}/admin/events/stream`,
      { headers: { host, cookie }, rejectUnauthorized: false, signal: controller.signal },
      (response) => {
        listening.resolve()
        response.setEncoding('utf8')
        response.on('data', (text: string) => heard.push(text))
        response.on('error', () => {})
      },
    )
    asked.on('error', () => {})
    await listening.promise
    await device.send(scene.events, cameraEvent(from, new Date(), 'tamperdetection'))
    await soon(() => /event: event\ndata: \{.*"kind":"tamper"/.test(heard.join('')))
  })

  test('lets nobody in without the password, and lets no other site act', async () => {
    await assert.rejects(scene.signIn('not-the-password'), /401/)
    for (const path of [
      '/admin/events',
      '/admin/devices',
      '/admin/people',
      '/admin/jobs',
      '/admin/agents',
      '/admin/events/stream',
    ])
      assert.equal((await scene.ask(path, { cookie: '' })).status, 401, path)
    const neighbour = {
      'sec-fetch-site': 'same-site',
      origin: `https://photos.localhost:${scene.ports.https}`,
    }
    for (const headers of [neighbour, { origin: 'https://evil.example' }]) {
      const reply = await scene.ask('/admin/agents', { method: 'POST', headers, body: '{}' })
      assert.equal(reply.status, 403)
    }
    const reply = await scene.ask('/admin/session', {
      method: 'DELETE',
      headers: { 'sec-fetch-site': 'same-origin' },
    })
    assert.match(String(reply.headers['set-cookie']), /Max-Age=0; Path=\/; Secure; HttpOnly; SameSite=Strict/)
  })

  test('lets no address guess on, even if it is right at last, and has it in the log', async () => {
    const signIn = (word: string, from: string) =>
      scene.ask('/admin/session', {
        method: 'POST',
        cookie: '',
        from,
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ username: 'admin', password: word }),
      })
    const wrong = await Promise.all(Array.from({ length: 25 }, (_, n) => signIn(`guess-${n}`, '127.0.0.31')))
    assert.deepEqual(
      [401, 429].map((status) => wrong.filter((reply) => reply.status === status).length),
      [20, 5],
    )
    const late = await signIn(password, '127.0.0.31')
    assert.deepEqual([late.status, late.headers['retry-after']], [429, '900'])
    assert.equal((await signIn(password, '127.0.0.32')).status, 200)
    assert.match(scene.service.log(), /"a sign-in failed","client":"127.0.0.31","user":"admin"/)
    assert.doesNotMatch(scene.service.log(), /guess-/)
  })

  test('hands out what was found as a table, in which no name becomes a formula', async () => {
    const from = { ...sender(), name: '=HYPERLINK("x")' }
    const { type, body } = accessEvent(from, new Date(), { majorEventType: 5, subEventType: 25, serialNo: 1 })
    await request(scene.events, { method: 'POST', headers: { 'content-type': type }, body })
    await soon(async () => (await eventsOf('q=HYPERLINK')).length === 1)
    const csv = await scene.ask('/admin/events/export?format=csv&q=HYPERLINK')
    assert.match(csv.text, /^\uFEFFid,received,/)
    assert.match(csv.text, /,"'=HYPERLINK\(""x""\)",access,Door opened,/)
    const all = JSON.parse((await scene.ask('/admin/events/export?format=json')).text) as Shown[]
    assert.ok(all.length > 8)
  })

  test('is not shadowed by events, nor an event by the page', async () => {
    const session = await scene.ask('/admin/session', { method: 'POST', cookie: '', body: 'not json' })
    assert.equal(session.status, 400)
    assert.equal((await scene.ask('/admin', { method: 'POST', cookie: '' })).status, 401)
    assert.equal((await scene.ask('/adminevents', { method: 'POST', cookie: '', body: 'x' })).status, 200)
  })
})

test('the service stops when it is asked to, with somebody watching, and keeps what it has', async () => {
  assert.equal(await scene.service.stop(), 0)
  await scene.startService()
  assert.ok((await eventsOf('kind=access')).length > 6)
})
