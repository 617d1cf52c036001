import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { makeNetwork } from '../harness/network.ts'
import { needs, pathOf } from '../harness/parts.ts'
import { onEnd } from '../harness/teardown.ts'
import { tempFolder } from '../harness/temp-folder.ts'
import { projectFolder } from '../system/shipped.ts'

const machine = '203.0.113.1'
const ports = [80, 443, 8000, 22, 9901, 5432]

test('the firewall opens what its page says, to whom it says', needs('netns', 'nft'), async (t) => {
  // The machine is in the namespace, and this process is somebody outside.
  const network = makeNetwork(t, [machine])
  const folder = await tempFolder(t)
  const shipped = await readFile(join(projectFolder, 'deploy/firewall/gatehouse.nft'), 'utf8')
  const load = async (devices: string, admins: string): Promise<void> => {
    const rules = shipped
      .replace(/define device_networks = .*/, `define device_networks = { ${devices} }`)
      .replace(/define admin_networks = .*/, `define admin_networks = { ${admins} }`)
    const file = join(folder, 'rules.nft')
    await writeFile(file, rules)
    await network.run(pathOf('nft'), '-f', file)
  }
  const listener = fileURLToPath(new URL('./listen-on.ts', import.meta.url))
  const listening = network.start(process.execPath, [listener, ...ports.map(String)])
  await once(listening.stdout as NodeJS.ReadableStream, 'data')

  /** A connection that was greeted, or nothing within a second. */
  const tryPort = (port: number): Promise<Socket | undefined> => {
    const socket = connect({ host: machine, port, localAddress: network.server })
    onEnd(t, () => void socket.destroy())
    socket.on('error', () => {})
    return new Promise((resolve) => {
      socket.once('data', () => resolve(socket))
      setTimeout(() => resolve(undefined), 1_000)
    })
  }
  const openPorts = async (): Promise<number[]> => {
    const tried = await Promise.all(ports.map(async (port) => ((await tryPort(port)) ? port : 0)))
    return tried.filter((port) => port > 0)
  }

  assert.deepEqual(
    await openPorts(),
    ports,
    'without rules everything is open, so what is closed below is closed by them',
  )
  await load('192.168.0.0/16', '192.168.0.0/16')
  assert.deepEqual(await openPorts(), [80, 443])
  await load('198.18.0.0/15', '192.168.0.0/16')
  assert.deepEqual(await openPorts(), [80, 443, 8000])
  await load('192.168.0.0/16', '198.18.0.0/15')
  assert.deepEqual(await openPorts(), [80, 443, 22])

  // Who is shut out hears nothing more, on connections that are open as well.
  const open = (await tryPort(443)) as Socket
  await network.run(
    pathOf('nft'),
    'add',
    'element',
    'inet',
    'gatehouse',
    'blocked',
    `{ ${network.server} timeout 1h }`,
  )
  assert.deepEqual(await openPorts(), [])
  assert.equal(open.destroyed, false)
  await network.run(
    pathOf('nft'),
    'delete',
    'element',
    'inet',
    'gatehouse',
    'blocked',
    `{ ${network.server} }`,
  )
  assert.deepEqual(await openPorts(), [80, 443, 22])
})
