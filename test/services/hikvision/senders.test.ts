import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { startDevice } from '../../../services/hikvision/simulator/device.ts'
import { accessEvent } from '../../../services/hikvision/simulator/payloads.ts'
import { connectHttp2 } from '../../harness/http2.ts'
import { onEnd } from '../../harness/teardown.ts'
import { host, soon, startScene } from './scene.ts'

/** Known devices only: whoever is not, hears no through every door, and nothing of theirs becomes an event. */

const t = { after }
const sender = { mac: '02:00:5e:60:00:01', serial: 'SIMULATED-KNOWN', address: '192.0.2.30', name: 'Known' }
const login = { user: 'door', password: 'twelve-chars' }
const secret = 'path-secret-0123456789'

const scene = await startScene(t, {
  ALLOW_SERIALS: JSON.stringify([sender.mac]),
  SENDER_USER: login.user,
  SENDER_PASSWORD: login.password,
  SENDER_AUTH: 'digest',
  PATH_SECRET: secret,
})
const device = await startDevice({ ...sender, login })
onEnd(t, () => device.stop())
const event = (mac: string, serialNo: number) =>
  accessEvent({ ...sender, mac }, new Date(), { majorEventType: 5, subEventType: 75, serialNo })

test('a device with password, secret and serial number is heard, by name and by address', async () => {
  const doors = [
    `http://127.0.0.1:${scene.ports.devices}/hikvision/${secret}/events`,
    `http://127.0.0.1:${scene.ports.http}/hikvision/${secret}`,
  ]
  for (const [index, door] of doors.entries())
    assert.equal(await device.send(door, event(sender.mac, index + 1), login), 200, door)
  await soon(
    async () => (await scene.json<{ events: unknown[] }>('GET', '/admin/events')).events.length === 2,
  )
})

test('one that lacks any of them is not, over HTTP/1.1 and HTTP/2', async () => {
  const address = `http://127.0.0.1:${scene.ports.devices}/hikvision`
  const rows: [path: string, mac: string, as: typeof login | undefined, status: number][] = [
    [`/${secret}`, sender.mac, undefined, 401],
    [`/${secret}`, sender.mac, { ...login, password: 'another-one' }, 401],
    ['/events', sender.mac, login, 404],
    [`/${secret}`, '02:00:5e:60:00:02', login, 403],
  ]
  for (const [path, mac, as, status] of rows)
    assert.equal(await device.send(address + path, event(mac, 99), as), status, `${path} ${mac}`)

  const http2 = await connectHttp2(t, scene.ports.https)
  const basic = `Basic ${Buffer.from(`${login.user}:${login.password}`).toString('base64')}`
  const ask = (path: string) =>
    http2.request(path, {
      method: 'POST',
      headers: { ':authority': host, authorization: basic },
      body: event(sender.mac, 99).body,
    })
  assert.equal((await ask(`/${secret}`)).status, 401, 'basic is not offered')
  assert.equal((await ask('/events')).status, 404)

  // Two devices in one body: the first at a glance is known, and it is the other that tells.
  const deceit = `{"note":"macAddress:${sender.mac}","eventType":"VMD","macAddress":"02:00:5e:60:00:02","channelID":1}`
  const payload = { type: 'application/json', body: Buffer.from(deceit) }
  assert.equal(await device.send(`${address}/${secret}`, payload, login), 200)
  const [kept, ...others] = await soon(async () => {
    const { events } = await scene.json<{ events: { kind: string; reason: string }[] }>(
      'GET',
      '/admin/events',
    )
    return events.length > 2 && events
  })
  assert.deepEqual([kept?.kind, kept?.reason, others.length], ['unknown', 'its device is not listed', 2])
  assert.doesNotMatch(scene.service.log(), new RegExp(`${secret}|${login.password}`))
})
