import assert from 'node:assert/strict'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import { startDevice } from '../simulator/device.ts'
import { refusal } from '../simulator/people-store.ts'
import { BadCredentials, DeviceRefusal } from './answer.ts'
import { DeviceAway } from './carrier.ts'
import { isapiClient } from './client.ts'
import { readDeviceInfo } from './device-info.ts'
import { carryDirectly } from './direct.ts'
import { putPerson, removePerson } from './persons.ts'

const login = { user: 'admin', password: 'device-password' }
const sender = { mac: '02:00:5e:50:00:01', serial: 'SIMULATED1', address: '192.0.2.9', name: 'Terminal' }
const person = {
  number: '7',
  name: 'Ada',
  type: 'normal',
  validFrom: '2020-01-01T00:00:00',
  validTo: '2037-12-31T23:59:59',
  doors: [1],
} as const

async function start(t: TestContext, more: object = {}, word = login.password, timeout = 10_000) {
  const device = await startDevice({ ...sender, login, ...more })
  t.after(() => device.stop())
  const isapi = isapiClient({
    base: device.url,
    login: { ...login, password: word },
    carry: carryDirectly,
    timeout,
  })
  return { device, isapi }
}

/** A device that answers what it is told to, whoever asks. */
async function scripted(
  t: TestContext,
  answer: (request: IncomingMessage, response: ServerResponse) => void,
) {
  const server = createServer(answer)
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return isapiClient({ base, login, carry: carryDirectly, timeout: 2_000 })
}

describe('a device', () => {
  test('says who it is, and is asked for its challenge once', async (t) => {
    const { device, isapi } = await start(t)
    const { model, serial, mac, firmware } = await readDeviceInfo(isapi)
    assert.deepEqual([model, serial, mac, firmware], ['DS-K1T000', 'SIMULATED1', sender.mac, 'V1.0.0'])
    await Promise.all([1, 2, 3].map(() => readDeviceInfo(isapi)))
    assert.deepEqual([device.calls.length, device.refused], [4, 0])
  })

  test('with a wrong password is asked once, and not again', async (t) => {
    const { device, isapi } = await start(t, {}, 'wrong-password')
    await assert.rejects(putPerson(isapi, person), BadCredentials)
    await assert.rejects(readDeviceInfo(isapi), /does not accept this name and password/)
    assert.deepEqual([device.refused, device.calls.length], [1, 0])
  })

  test('that has locked the account says for how long', async (t) => {
    const isapi = await scripted(t, (_request, response) => {
      response.writeHead(401, { 'WWW-Authenticate': 'Digest realm="DS-1", nonce="a", qop="auth"' })
      response.end('<userCheck><lockStatus>lock</lockStatus><unlockTime>1794</unlockTime></userCheck>')
    })
    await assert.rejects(readDeviceInfo(isapi), /has locked this account for 1794 s/)
  })

  test('that forgets its nonces is given a new proof', async (t) => {
    let asked = 0
    const isapi = await scripted(t, (request, response) => {
      asked += 1
      const isKnown = request.headers.authorization?.includes(`nonce="${Math.floor(asked / 4)}"`)
      response.writeHead(isKnown ? 200 : 401, {
        'WWW-Authenticate': `Digest realm="DS-1", nonce="${Math.floor((asked + 1) / 4)}", qop="auth"`,
      })
      response.end('<DeviceInfo><model>X</model></DeviceInfo>')
    })
    for (let n = 0; n < 5; n += 1) assert.equal((await readDeviceInfo(isapi)).model, 'X')
  })

  test('makes, changes and removes a person, whichever calls it knows', async (t) => {
    for (const isOld of [false, true]) {
      const { device, isapi } = await start(t, { isOld })
      await putPerson(isapi, person)
      await putPerson(isapi, { ...person, name: 'Ada King' })
      assert.equal(device.persons.get('7')?.name, 'Ada King')
      await removePerson(isapi, '7')
      await removePerson(isapi, '7')
      assert.equal(device.persons.size, 0)
    }
  })

  const refusals: [name: string, answer: ReturnType<typeof refusal>, isPassing: boolean, says: RegExp][] = [
    ['is busy', refusal(2, 'deviceBusy', 200), true, /^deviceBusy: Device Busy$/],
    ['is modelling another face', refusal(4, 'faceDataModeling', 403), true, /^faceDataModeling/],
    ['has a fault', refusal(3, 'deviceError', 500), true, /^deviceError/],
    [
      'finds a picture too large',
      refusal(3, 'pictureSizeExceedLimit', 400),
      false,
      /^pictureSizeExceedLimit/,
    ],
    ['refuses in a body of 200', refusal(6, 'badParameters', 200), false, /^badParameters/],
    ['refuses in a body of 500', refusal(4, 'lowPrivilege', 500), false, /^lowPrivilege/],
    ['says nothing but 503', { status: 503, json: {} }, true, /answered 503/],
    ['says nothing but 400', { status: 400, json: {} }, false, /answered 400/],
  ]
  for (const [name, answer, isPassing, says] of refusals)
    test(`that ${name} is ${isPassing ? 'asked again later' : 'not asked again'}`, async (t) => {
      const { device, isapi } = await start(t)
      device.faults.instead = () => answer
      await assert.rejects(isapi.call({ method: 'GET', path: 'x' }), (error) => {
        assert.ok(error instanceof DeviceRefusal)
        assert.match(error.message, says)
        return error.isPassing === isPassing
      })
    })

  test('that is slow, broken, endless or not there is away', async (t) => {
    const { device, isapi } = await start(t, {}, login.password, 300)
    await readDeviceInfo(isapi)
    device.faults.slowness = 2_000
    await assert.rejects(readDeviceInfo(isapi), /no answer within 0\.3 s/)
    device.faults.slowness = 0
    device.faults.instead = () => 'break'
    await assert.rejects(readDeviceInfo(isapi), DeviceAway)
    const endless = await scripted(t, (_request, response) => {
      const chunk = Buffer.alloc(1 << 20)
      const more = () => void (response.destroyed || response.write(chunk, more))
      more()
    })
    await assert.rejects(readDeviceInfo(endless), /longer than/)
    // Its job never ended, and after eight of them no device got any.
    const switching = await scripted(t, (_request, response) => {
      response.socket?.end('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n')
    })
    await assert.rejects(readDeviceInfo(switching), /gave no answer/)
    const nobody = isapiClient({ base: 'http://127.0.0.1:9', login, carry: carryDirectly, timeout: 2_000 })
    await assert.rejects(readDeviceInfo(nobody), /refuses connections/)
  })

  test('that answers in odd header fields, and with a byte too many, is understood', async (t) => {
    const { createServer: createTcp } = await import('node:net')
    const server = createTcp((socket) => {
      socket.on('error', () => {})
      socket.once('data', () =>
        socket.end(
          'HTTP/1.1 200 OK\r\nX-Odd: a\u0001b\r\nContent-Length: 43\r\n\r\n<DeviceInfo><model>Odd</model></DeviceInfo>#',
        ),
      )
    })
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
    t.after(() => void server.close())
    const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const isapi = isapiClient({ base, login, carry: carryDirectly, timeout: 5_000 })
    assert.equal((await readDeviceInfo(isapi)).model, 'Odd')
  })
})
