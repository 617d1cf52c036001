import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { eventually } from '../../test/harness/eventually.ts'
import { openNotifySocket } from '../../test/harness/notify-socket.ts'
import { needs } from '../../test/harness/parts.ts'
import { tempFolder } from '../../test/harness/temp-folder.ts'
import { openServiceManager } from './service-manager.ts'

const real = needs('systemd', 'perl')

test('nobody is told where nobody asked', () => {
  assert.equal(
    openServiceManager({}, () => assert.fail('there is no trouble')),
    undefined,
  )
})

for (const kind of ['path', 'abstract'])
  test(`a manager behind a socket of the kind "${kind}" hears each word in order`, real, async (t) => {
    const name = kind === 'path' ? join(await tempFolder(t), 'notify') : `@gatehouse-test-${process.pid}`
    const socket = await openNotifySocket(t, name)
    const env: NodeJS.ProcessEnv = {
      PATH: process.env.PATH,
      NOTIFY_SOCKET: socket.address,
      WATCHDOG_USEC: '1',
    }
    const manager = openServiceManager(env, (sentence) => assert.fail(sentence))
    const before = process.hrtime.bigint() / 1000n
    manager?.reloading()
    manager?.ready('2 workers serve')
    manager?.stopping()
    // Each word is followed by a barrier, whose answer its sender waits for.
    await eventually(() => socket.heard.filter((word) => word.startsWith('BARRIER')).length === 3)
    const words = socket.heard.filter((word) => !word.startsWith('BARRIER'))
    assert.match(words[0] ?? '', /^RELOADING=1\nMONOTONIC_USEC=\d+$/)
    const told = BigInt(/USEC=(\d+)/.exec(words[0] ?? '')?.[1] ?? 0)
    assert.ok(told >= before && told < before + 60_000_000n, 'it is the clock of the machine, in µs')
    assert.deepEqual(words.slice(1), [
      'READY=1\nSTATUS=2 workers serve',
      'STOPPING=1\nSTATUS=stopping: requests under way may end',
    ])
  })

test(
  'the watchdog is answered while all is well, and hears only how things are when it is not',
  real,
  async (t) => {
    const socket = await openNotifySocket(t, join(await tempFolder(t), 'notify'))
    const env = { PATH: process.env.PATH, NOTIFY_SOCKET: socket.address, WATCHDOG_USEC: '200000' }
    const manager = openServiceManager(env, () => {})
    let isWell = true
    manager?.watch(
      () => isWell,
      () => (isWell ? 'well' : 'no worker serves'),
    )
    // Keeps this process up beside a timer that does not.
    await socket.hears(/^WATCHDOG=1\nSTATUS=well$/)
    isWell = false
    await socket.hears(/^STATUS=no worker serves$/)
    const from = socket.heard.findIndex((word) => word.startsWith('STATUS'))
    await eventually(() => socket.heard.filter((word) => word.startsWith('STATUS')).length > 2, {
      timeout: 15_000,
    })
    assert.ok(!socket.heard.slice(from).some((word) => word.includes('WATCHDOG')))
    manager?.stopping()
  },
)

test('a watchdog of another process is not ours to answer', real, async (t) => {
  const socket = await openNotifySocket(t, join(await tempFolder(t), 'notify'))
  const env = {
    PATH: process.env.PATH,
    NOTIFY_SOCKET: socket.address,
    WATCHDOG_USEC: '1000',
    WATCHDOG_PID: '1',
  }
  const manager = openServiceManager(env, () => {})
  manager?.watch(
    () => true,
    () => '',
  )
  manager?.ready('here')
  await socket.hears(/READY/)
  assert.ok(!socket.heard.some((word) => word.includes('WATCHDOG')))
})

test('a program that is not there is told of once, and nothing ends', async () => {
  const said: string[] = []
  const env = { NOTIFY_SOCKET: '/nowhere/notify' }
  const manager = openServiceManager(env, (sentence) => void said.push(sentence), '/nowhere/systemd-notify')
  manager?.ready('here')
  manager?.ready('here')
  await eventually(() => said.length === 1)
  assert.match(said[0] ?? '', /cannot be told by \/nowhere\/systemd-notify: .*ENOENT/)
})
