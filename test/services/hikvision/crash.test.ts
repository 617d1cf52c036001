import assert from 'node:assert/strict'
import { Agent, request as httpsRequest } from 'node:https'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { accessEvent, type Payload } from '../../../services/hikvision/simulator/payloads.ts'
import { onEnd, type Teardown } from '../../harness/teardown.ts'
import { databases } from './postgres.ts'
import { host, type Scene, soon, startScene } from './scene.ts'

const devices = 200
const eventsOfEach = 5

for (const [name, needed, settings] of databases)
  test(`${devices} devices send at once, the service is killed meanwhile, and no event that was acknowledged is lost (${name})`, {
    ...needed,
    timeout: 240_000,
  }, async (t) => {
    const scene = await startScene(t, await settings(t))
    const send = senderTo(t, scene)
    const acknowledged = new Set<string>()
    let repeated = 0

    async function device(number: number): Promise<void> {
      const sender = {
        mac: `02:00:5e:20:00:${number.toString(16).padStart(2, '0')}`,
        serial: '',
        address: '192.0.2.1',
        name: `Door ${number}`,
      }
      for (let serialNo = 1; serialNo <= eventsOfEach; serialNo += 1) {
        const event = {
          majorEventType: 5,
          subEventType: 75,
          serialNo,
          employeeNoString: `${number}-${serialNo}`,
        }
        const payload = accessEvent(sender, new Date(), event)
        // What a terminal does that checks the answer: the same event again until it hears 200.
        while ((await send(payload)) !== 200) {
          repeated += 1
          await sleep(200)
        }
        acknowledged.add(`${number}-${serialNo}`)
      }
    }

    const sending = Promise.all(Array.from({ length: devices }, (_, number) => device(number)))
    await soon(() => acknowledged.size > (devices * eventsOfEach) / 3)
    await scene.service.stop('SIGKILL')
    await scene.startService()
    await sending
    assert.equal(acknowledged.size, devices * eventsOfEach)
    assert.ok(repeated > 0, 'the kill was not noticed')
    const stored = await soon(async () => {
      const { text } = await scene.ask('/admin/events/export?format=json', { timeout: 60_000 })
      const people = (JSON.parse(text) as { person: { number: string } }[]).map(({ person }) => person.number)
      return people.length >= acknowledged.size && people
    })
    // Each of them, and each once, however often it was sent.
    assert.deepEqual(stored.sort(), [...acknowledged].sort())
  })

// --- Internal ---

/** Answers the status, or 0 if there was no answer. */
function senderTo(t: Teardown, scene: Scene): (payload: Payload) => Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: devices, rejectUnauthorized: false })
  onEnd(t, () => agent.destroy())
  return ({ type, body }) =>
    new Promise((resolve) => {
      const request = httpsRequest({
        agent,
        host: '127.0.0.1',
        port: scene.ports.https,
        method: 'POST',
        path: '/hikvision/events',
        headers: { host, 'content-type': type, 'content-length': body.length },
        timeout: 60_000,
      })
      request.on('error', () => resolve(0))
      request.on('timeout', () => request.destroy())
      request.on('response', (response) => {
        response.on('error', () => resolve(0))
        response.on('end', () => resolve(response.statusCode ?? 0))
        response.resume()
      })
      request.end(body)
    })
}
