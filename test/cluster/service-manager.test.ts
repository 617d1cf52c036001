import assert from 'node:assert/strict'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { startCli } from '../harness/cli.ts'
import { eventually } from '../harness/eventually.ts'
import { openNotifySocket } from '../harness/notify-socket.ts'
import { needs } from '../harness/parts.ts'
import { tempFolder } from '../harness/temp-folder.ts'

/** What systemd hears from the real command: `Type=notify`, reload, watchdog. */

const options = { ...needs('systemd', 'perl'), timeout: 120_000 }
const patient = 40_000

const table = `
listeners: { http: { port: 0, address: 127.0.0.1 } }
admin: { port: 0 }
workers: 2
routes:
  - { name: all, match: {}, to: "http://127.0.0.1:9" }
`

test(
  'a service manager hears of the start, of a reload, that it lives, and of the stop',
  options,
  async (t) => {
    const folder = await tempFolder(t)
    await writeFile(join(folder, 'routes.yaml'), table)
    const socket = await openNotifySocket(t, join(folder, 'notify'))
    const env = { NOTIFY_SOCKET: socket.address, WATCHDOG_USEC: '600000' }
    const gatehouse = startCli(t, ['serve', '--json'], { cwd: folder, env })
    assert.match(await socket.hears(/READY=1/, patient), /STATUS=2 workers serve/)
    // What is said is said by the primary alone.
    for (const pid of await childrenOf(gatehouse.child.pid ?? 0)) {
      const environment = await readFile(`/proc/${pid}/environ`, 'latin1').catch(() => '')
      if (environment.includes('CLUSTER') || environment.includes('NODE_UNIQUE_ID'))
        assert.ok(!environment.includes('WATCHDOG_USEC'), 'a worker was given the socket as well')
    }
    await socket.hears(/^WATCHDOG=1/, patient)

    for (const signal of ['SIGHUP', 'SIGUSR2'] as const) {
      const from = socket.heard.length
      gatehouse.child.kill(signal)
      const later = (pattern: RegExp) =>
        eventually(() => socket.heard.slice(from).some((word) => pattern.test(word)), { timeout: patient })
      await later(/^RELOADING=1/)
      await later(/^READY=1/)
    }

    await writeFile(join(folder, 'routes.yaml'), `${table}nonsense: 1\n`)
    await socket.hears(/STATUS=2 workers serve; routes.yaml was not taken up: .*nonsense/, patient)

    gatehouse.child.kill('SIGTERM')
    await socket.hears(/^STOPPING=1/, patient)
  },
)

async function childrenOf(pid: number): Promise<string[]> {
  const tasks = await readdir(`/proc/${pid}/task`)
  const lists = await Promise.all(
    tasks.map((task) => readFile(`/proc/${pid}/task/${task}/children`, 'utf8').catch(() => '')),
  )
  return lists.join(' ').split(/\s+/).filter(Boolean)
}
