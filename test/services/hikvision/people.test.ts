import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import sharp from 'sharp'
import { startDevice } from '../../../services/hikvision/simulator/device.ts'
import { heartbeat, type Sender } from '../../../services/hikvision/simulator/payloads.ts'
import { refusal } from '../../../services/hikvision/simulator/people-store.ts'
import { freePort } from '../../harness/free-port.ts'
import { onEnd, type Teardown } from '../../harness/teardown.ts'
import { databases } from './postgres.ts'
import { type Scene, soon, startScene } from './scene.ts'

/** People on their way out: from the page's API as lasting jobs to devices that are slow, busy, choosy or away. */

const login = { user: 'admin', password: 'device-password' }
let made = 0

interface OnDevice {
  device: number
  state: string
  reason: string | null
}

async function addDevice(
  t: Teardown,
  scene: Scene,
  more: Partial<Parameters<typeof startDevice>[0]> & { word?: string } = {},
) {
  made += 1
  const sender: Sender = {
    mac: `02:00:5e:30:00:${made.toString(16).padStart(2, '0')}`,
    serial: `SIMULATED${made}`,
    address: '192.0.2.9',
    name: `Terminal ${made}`,
  }
  const device = await startDevice({ ...sender, login, ...more })
  onEnd(t, () => device.stop().catch(() => {}))
  const { id } = await scene.json<{ id: number }>('POST', '/admin/devices', {
    name: sender.name,
    base: device.url,
    login: 'admin',
    password: more.word ?? login.password,
  })
  return { ...device, sender, id, device }
}

async function stateOf(scene: Scene, number: string, device: number): Promise<OnDevice | undefined> {
  const { people } = await scene.json<{ people: { number: string; devices: OnDevice[] }[] }>(
    'GET',
    '/admin/people',
  )
  return people.find((person) => person.number === number)?.devices.find((on) => on.device === device)
}

const isDone = (scene: Scene, number: string, device: number) =>
  soon(async () => (await stateOf(scene, number, device))?.state === 'done')

async function picture(): Promise<Buffer> {
  return sharp({
    create: {
      width: 2000,
      height: 2400,
      channels: 3,
      background: '#c08060',
      noise: { type: 'gaussian', mean: 120, sigma: 60 },
    },
  })
    .png()
    .toBuffer()
}

for (const [name, needed, settings] of databases)
  describe(`people out, on ${name}`, needed, async () => {
    const scene = needed.skip
      ? undefined
      : await startScene({ after }, { ...(await settings({ after })), ISAPI_TIMEOUT: '1500' })
    test('reach devices of each kind, with cards and face, are changed there, and go again', {
      timeout: 240_000,
    }, async (t) => {
      assert.ok(scene)
      const modern = await addDevice(t, scene, { algorithm: 'SHA-256' })
      const old = await addDevice(t, scene, { isOld: true })
      const both = [modern, old]
      const devices = both.map(({ id }) => id)

      await scene.json('PUT', '/admin/people/E-7', {
        name: 'Ada Lovelace',
        cards: ['0001', '0002'],
        doors: [1, 2],
        devices,
      })
      const face = await scene.ask('/admin/people/E-7/face', { method: 'PUT', body: await picture() })
      assert.equal(face.status, 200, face.text)
      for (const { id, persons, cards, faces } of both) {
        await isDone(scene, 'E-7', id)
        await soon(() => faces.has('E-7'))
        assert.equal(persons.get('E-7')?.name, 'Ada Lovelace')
        assert.deepEqual(persons.get('E-7')?.RightPlan, [
          { doorNo: 1, planTemplateNo: '1' },
          { doorNo: 2, planTemplateNo: '1' },
        ])
        assert.deepEqual([...cards.keys()].sort(), ['0001', '0002'])
        const { width, height, format } = await sharp(faces.get('E-7')).metadata()
        assert.equal(format, 'jpeg')
        assert.ok((width ?? 0) <= 960 && (height ?? 0) <= 960)
      }

      await scene.json('PUT', '/admin/people/E-7', { name: 'Ada King', cards: ['0002', '0003'], devices })
      for (const { persons, cards } of both)
        await soon(
          () => persons.get('E-7')?.name === 'Ada King' && [...cards.keys()].sort().join() === '0002,0003',
        )
      // The face did not change, so it was not sent again: devices take long over each.
      const sent = both.map(({ calls }) => calls.filter((call) => /FDSetUp|FaceDataRecord/.test(call)).length)
      // The old one was asked for the newer call first.
      assert.deepEqual(sent, [1, 2])

      const { people } = await scene.json<{ people: { face: string }[] }>('GET', '/admin/people')
      const kept = `/${people[0]?.face}`
      assert.equal((await scene.ask(kept)).status, 200)
      assert.equal((await scene.ask('/admin/people/E-7/face', { method: 'DELETE' })).status, 200)
      // It once stayed for as long as the disk did, after the person had long gone.
      assert.equal((await scene.ask(kept)).status, 404)
      for (const { faces } of both) await soon(() => faces.size === 0)
      // From one device alone, then from all.
      await scene.json('PUT', '/admin/people/E-7', {
        name: 'Ada King',
        cards: ['0002'],
        devices: [modern.id],
      })
      await soon(() => old.persons.size === 0 && old.cards.size === 0)
      await scene.json('DELETE', '/admin/people/E-7')
      await soon(() => modern.persons.size === 0 && modern.cards.size === 0)
    })

    test('wait for a device that is away, through a restart, and come when it is back', {
      timeout: 240_000,
    }, async (t) => {
      assert.ok(scene)
      const port = await freePort()
      const first = await addDevice(t, scene, { port })
      assert.equal((await scene.ask(`/admin/devices/${first.id}/check`, { method: 'POST' })).status, 200)
      await first.device.stop()
      await scene.json('PUT', '/admin/people/8', { name: 'Grace', devices: [first.id] })
      await soon(async () =>
        /away: refuses connections/.test((await stateOf(scene, '8', first.id))?.reason ?? ''),
      )
      await scene.service.stop('SIGKILL')
      await scene.startService()
      await soon(
        async () => assert.equal((await stateOf(scene, '8', first.id))?.state, 'waiting') === undefined,
      )
      const back = await startDevice({ ...first.sender, login, port })
      onEnd(t, () => back.stop())
      // Its heartbeat says that it is back, which is sooner than the next attempt.
      await soon(async () => {
        await back.send(scene.events, heartbeat(first.sender, new Date()))
        return back.persons.has('8')
      })
      await isDone(scene, '8', first.id)
    })

    test('fail in the words of the device, or are tried again, as its reason demands', {
      timeout: 240_000,
    }, async (t) => {
      assert.ok(scene)
      const choosy = await addDevice(t, scene)
      choosy.faults.instead = (_method, path) =>
        /FDSetUp/.test(path) ? refusal(4, 'poorFaceQuality', 200) : undefined
      const busy = await addDevice(t, scene)
      let turnedAway = 0
      busy.faults.instead = () => (turnedAway++ < 2 ? refusal(2, 'deviceBusy', 503) : undefined)
      const slow = await addDevice(t, scene)
      slow.faults.slowness = 3_000
      const broken = await addDevice(t, scene)
      let isBroken = true
      broken.faults.instead = (_method, path) => (isBroken && /SetUp/.test(path) ? 'break' : undefined)
      const locked = await addDevice(t, scene, { word: 'not-its-password' })
      const fine = await addDevice(t, scene)
      const all = [choosy, busy, slow, broken, locked, fine]

      await scene.json('PUT', '/admin/people/9', { name: 'Edsger', devices: all.map(({ id }) => id) })
      assert.equal(
        (await scene.ask('/admin/people/9/face', { method: 'PUT', body: await picture() })).status,
        200,
      )
      await isDone(scene, '9', fine.id)
      await isDone(scene, '9', busy.id)
      assert.ok(turnedAway >= 2)

      const refused = await soon(async () => {
        const on = await stateOf(scene, '9', choosy.id)
        return on?.state === 'failed' && on
      })
      assert.match(refused.reason ?? '', /^face: poorFaceQuality/)
      assert.ok(choosy.persons.has('9'), 'the person is there all the same')
      const away = await soon(async () => {
        const on = await stateOf(scene, '9', slow.id)
        return on?.reason != null && on
      })
      assert.deepEqual([away.state, away.reason], ['waiting', 'away: no answer within 1.5 s'])
      await soon(async () =>
        /broke the connection|socket hang up/.test((await stateOf(scene, '9', broken.id))?.reason ?? ''),
      )

      // A wrong password is tried once: the device would lock the account.
      await soon(async () => /does not accept/.test((await stateOf(scene, '9', locked.id))?.reason ?? ''))
      await scene.json('PUT', '/admin/people/10', { name: 'Another', devices: [locked.id] })
      assert.equal(locked.device.refused, 1)
      const wrong = { name: 'Terminal', base: locked.url, login: 'admin', password: login.password }
      await scene.json('PUT', `/admin/devices/${locked.id}`, wrong)
      await isDone(scene, '9', locked.id)
      await isDone(scene, '10', locked.id)

      isBroken = false
      slow.faults.slowness = 0
      choosy.faults.instead = () => undefined
      // Whoever looks at a device has it tried at once, however long it was away.
      for (const { id } of [slow, broken]) await scene.json('POST', `/admin/devices/${id}/check`)
      await isDone(scene, '9', slow.id)
      await isDone(scene, '9', broken.id)
      const { jobs } = await scene.json<{ jobs: { id: number }[] }>(
        'GET',
        `/admin/jobs?device=${choosy.id}&state=failed`,
      )
      await scene.json('POST', `/admin/jobs/${jobs[0]?.id}/retry`)
      await isDone(scene, '9', choosy.id)
      assert.ok(choosy.faces.has('9'))
    })
  })

test('what a person may be is said at once, field by field, and passwords of devices never come back', async (t) => {
  const scene = await startScene(t)
  const device = await addDevice(t, scene)
  const rows: [path: string, body: object, says: RegExp][] = [
    ['/admin/people/a%20b', { name: 'x' }, /not 1 to 32 letters/],
    ['/admin/people/1', { name: '' }, /name: is empty/],
    ['/admin/people/1', { name: 'x', validTo: '2038-01-01T00:00:00' }, /validTo: .*2037/],
    [
      '/admin/people/1',
      { name: 'x', validFrom: '2030-01-01T00:00:00', validTo: '2029-01-01T00:00:00' },
      /not after/,
    ],
    ['/admin/people/1', { name: 'x', cards: ['a b'] }, /cards\.0: is not 1 to 20/],
    ['/admin/people/1', { name: 'x', devices: [999] }, /devices does not exist/],
    // What followed for the device failed for a reason that nobody was told, again and again.
    [`/admin/devices/${device.id}`, { login: 'адмін' }, /login: holds letters/],
  ]
  for (const [path, body, says] of rows) await assert.rejects(scene.json('PUT', path, body), says)
  const { people } = await scene.json<{ people: unknown[] }>('GET', '/admin/people')
  assert.deepEqual(people, [])
  await scene.json('PUT', '/admin/people/1', { name: 'x', devices: [device.id] })
  const reply = await scene.ask('/admin/people/1/face', { method: 'PUT', body: 'not a picture' })
  assert.equal(reply.status, 400)
  const { text } = await scene.ask('/admin/devices')
  assert.doesNotMatch(text, new RegExp(login.password))
  assert.match(text, /"hasPassword":true/)
  await isDone(scene, '1', device.id)
  assert.doesNotMatch(scene.service.log(), new RegExp(login.password))
})
