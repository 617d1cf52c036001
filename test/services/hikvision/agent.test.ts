import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { makeNetwork } from '../../harness/network.ts'
import { needs } from '../../harness/parts.ts'
import { openWebSocket } from '../../harness/websocket.ts'
import { projectFolder } from '../../system/shipped.ts'
import { host, soon, startScene } from './scene.ts'

/** Devices that the server has no way to, in a network of their own, with an agent beside them. */

const t = { after }
const program = (name: string) => join(projectFolder, 'services/hikvision', name, 'main.ts')

function said(child: ChildProcess): () => string {
  let text = ''
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk: Buffer) => {
      text += chunk
    })
  return () => text
}

describe('a device that the server cannot reach', needs('netns'), async () => {
  // To the server a loopback address is another machine: itself. What routes there may be, none leads to the device.
  const [deviceAddress, agentAddress] = ['127.77.13.5', '10.77.13.6']
  const scene = needs('netns').skip ? undefined : await startScene(t, { ISAPI_TIMEOUT: '2000' })
  const network = scene && makeNetwork(t, [agentAddress])

  test('sends its events, and is told of people through an agent', { timeout: 240_000 }, async () => {
    assert.ok(scene && network)
    const device = network.start(process.execPath, [
      ...[program('simulator'), '--host', deviceAddress, '--port', '8081', '--json', '--number', '77'],
      ...[
        '--interval',
        '1000',
        '--server',
        `http://${network.server}:${scene.ports.devices}/hikvision/events`,
      ],
    ])
    const deviceSaid = said(device)
    await soon(() => /"event":"[^"]+","status":200/.test(deviceSaid()))
    const settings = {
      name: 'Beyond',
      base: `http://${deviceAddress}:8081`,
      login: 'admin',
      password: 'device-password',
    }
    const { id } = await scene.json<{ id: number }>('POST', '/admin/devices', settings)
    await assert.rejects(scene.json('POST', `/admin/devices/${id}/check`), /502 .*refuses connections/)

    const { id: agent, token } = await scene.json<{ id: number; token: string }>('POST', '/admin/agents', {
      name: 'Warehouse',
    })
    await scene.json('PUT', `/admin/devices/${id}`, { ...settings, agent })
    await scene.json('PUT', '/admin/people/77', { name: 'Katherine', cards: ['123'], devices: [id] })
    await soon(async () => {
      const { jobs } = await scene.json<{ jobs: { reason: string }[] }>('GET', '/admin/jobs?person=77')
      return /agent is not connected/.test(jobs[0]?.reason ?? '')
    })

    const runAgent = () =>
      network.start(process.execPath, [program('agent')], {
        SERVER: `https://${host}:${scene.ports.https}`,
        ADDRESS: network.server,
        TOKEN: token,
        DEVICES: JSON.stringify([`${deviceAddress}/32`]),
        VERIFY: 'false',
      })
    const first = runAgent()
    // What waited comes as soon as there is a way.
    await soon(async () => {
      const { jobs } = await scene.json<{ jobs: { state: string }[] }>('GET', '/admin/jobs?person=77')
      return jobs[0]?.state === 'done'
    })
    const { info } = await scene.json<{ info: { serial: string } }>('POST', `/admin/devices/${id}/check`)
    assert.equal(info.serial, 'DS-K1T000-SIM00000077')
    // What it sent before it was added is its own now: one device, not two.
    const { devices } = await scene.json<{ devices: { id: number; mac: string }[] }>('GET', '/admin/devices')
    assert.deepEqual(
      devices.map(({ id, mac }) => [id, mac]),
      [[id, '02:00:5e:00:00:4d']],
    )

    const times: number[] = []
    for (let n = 0; n < 20; n += 1) {
      const began = performance.now()
      await scene.json('POST', `/admin/devices/${id}/check`)
      times.push(performance.now() - began)
    }
    console.log(`through the agent, median of 20: ${times.sort((a, b) => a - b)[10]?.toFixed(1)} ms`)

    // An agent that is killed in the middle is waited for; another one goes on.
    first.kill('SIGKILL')
    await soon(async () => {
      const { agents } = await scene.json<{ agents: { isConnected: boolean }[] }>('GET', '/admin/agents')
      return agents[0]?.isConnected === false
    })
    await scene.json('PUT', '/admin/people/78', { name: 'Dorothy', devices: [id] })
    runAgent()
    await soon(async () => {
      const { jobs } = await scene.json<{ jobs: { state: string }[] }>('GET', '/admin/jobs?person=78')
      return jobs[0]?.state === 'done'
    })
  })

  test('is the only one that its agent asks, whatever the server wants', { timeout: 240_000 }, async (tt) => {
    assert.ok(scene && network)
    let asked = 0
    const other = createServer((_request, response) => {
      asked += 1
      response.end()
    })
    await new Promise<void>((done) => other.listen(0, network.server, done))
    tt.after(() => void other.close())
    const { port } = other.address() as { port: number }
    const { agents } = await scene.json<{ agents: { id: number }[] }>('GET', '/admin/agents')
    const { id } = await scene.json<{ id: number }>('POST', '/admin/devices', {
      name: 'Not a device',
      base: `http://${network.server}:${port}`,
      agent: agents[0]?.id,
    })
    await assert.rejects(scene.json('POST', `/admin/devices/${id}/check`), /agent may not ask/)
    assert.equal(asked, 0)
  })

  test('has an agent only with the right token, and no longer when it is taken back', {
    timeout: 240_000,
  }, async () => {
    assert.ok(scene)
    const address = `wss://localhost:${scene.ports.https}/admin/agent`
    const open = (token: string | undefined, path = '') =>
      openWebSocket(t, address + path, {
        headers: { host, ...(token && { authorization: `Bearer ${token}` }) },
      })
    for (const token of [undefined, 'x', 'A'.repeat(43)]) await assert.rejects(open(token), /401/)
    const { id, token } = await scene.json<{ id: number; token: string }>('POST', '/admin/agents', {
      name: 'Gone soon',
    })
    await assert.rejects(open(token, '/other'), /404/)
    const { closed, send } = await open(token)
    // Whatever it says, it was not asked.
    for (const nonsense of [
      'text',
      Buffer.alloc(3),
      Buffer.from('\0\0\xff\xffx', 'latin1'),
      Buffer.from('\0\0\0\x02{}'),
    ])
      send(nonsense)
    assert.equal((await scene.ask('/health')).status, 200)
    await scene.ask(`/admin/agents/${id}`, { method: 'DELETE' })
    assert.equal(await closed, 4001)
    await assert.rejects(open(token), /401/)
    // On the plain ports there is no way in for an agent at all.
    const plain = `ws://127.0.0.1:${scene.ports.devices}/hikvision/admin/agent`
    await assert.rejects(openWebSocket(t, plain, { headers: { authorization: `Bearer ${token}` } }), /40[45]/)
  })
})
