import { execFileSync } from 'node:child_process'
import { statfsSync, writeFileSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { eventually } from '../../harness/eventually.ts'
import { pathOf } from '../../harness/parts.ts'
import { request } from '../../harness/request.ts'
import { onEnd } from '../../harness/teardown.ts'
import { tempFolder } from '../../harness/temp-folder.ts'
import type { Fault } from './fault.ts'

/** The machine and its processes go wrong. */

export const down: Fault = {
  name: 'the process is killed',
  alert: 'GatehouseDown',
  async begin(stage) {
    stage.process.child.kill('SIGKILL')
    return () => stage.startAgain()
  },
}

export const workerKilled: Fault = {
  name: 'worker killed',
  alert: 'GatehouseWorkerEnded',
  async begin(stage) {
    const [pid] = await stage.workers()
    process.kill(pid as number, 'SIGKILL')
    return () => {}
  },
  gameDay: {
    log: /a worker has ended and is replaced/,
    command: '/metrics',
    shows: /^gatehouse_worker_ends_total 1$/m,
    mended: 'nothing: it is replaced by itself',
    changed: 'the metric and its alert: before, only the log told of it',
  },
}

/** An extension that ends every worker that loads it from now on. */
export const workersMissing: Fault = {
  name: 'no new worker can start',
  alert: 'GatehouseWorkersMissing',
  async stage() {
    return {
      settings: 'extensions: { office: ./office.ts }',
      routes:
        '  - { name: office, match: { path: /office }, listeners: [http], middleware: [{ use: office }], to: pair }',
      async prepare(folder) {
        const index = new URL('../../../proxy/index.ts', import.meta.url).href
        await writeFile(
          join(folder, 'office.ts'),
          `import { existsSync } from 'node:fs'
import { defineMiddleware } from '${index}'
if (existsSync('${folder}/poison')) process.exit(7)
export default defineMiddleware({ create: () => (request, response, next) => next() })
`,
        )
      },
    }
  },
  async begin(stage) {
    const poison = join(stage.folder, 'poison')
    writeFileSync(poison, '')
    const [pid] = await stage.workers()
    process.kill(pid as number, 'SIGKILL')
    return () => rm(poison)
  },
}

/** Everything that the proxy writes is on a file system of 2 MB, which something else fills to the last byte. */
export const diskFull: Fault = {
  name: 'disk full',
  alert: 'GatehouseLogUnwritten',
  needs: ['netns'],
  async stage(t) {
    return {
      async prepare(folder) {
        const data = join(folder, 'data')
        await mkdir(data)
        execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'gatehouse-trial', data])
        onEnd(t, () => void execFileSync('umount', ['--lazy', data]))
      },
    }
  },
  async begin(stage) {
    const filler = join(stage.folder, 'data/filler')
    try {
      for (let size = 1 << 16; ; ) {
        writeFileSync(filler, Buffer.alloc(size), { flag: 'a' })
        if (statfsSync(filler).bavail === 0) break
      }
    } catch {}
    return () => rm(filler)
  },
  /** Every exchange that was counted has its line. */
  async isWell(stage) {
    const { text } = await request(`${stage.admin}/metrics`)
    const counted = [...text.matchAll(/^gatehouse_entrypoint_requests_total\{.*\} (\d+)$/gm)]
    const log = await readFile(join(stage.folder, 'data/logs/access.log'), 'utf8')
    const lines = log.split('\n').filter((line) => line.endsWith('}')).length
    const dropped = Number(/^gatehouse_access_log_dropped_lines_total (\d+)$/m.exec(text)?.[1])
    return dropped === 0 && lines >= counted.reduce((sum, [, count]) => sum + Number(count), 0)
  },
  gameDay: {
    log: /access log cannot be written/,
    command: '/metrics',
    shows: /^gatehouse_access_log_failures_total [1-9]/m,
    mended: 'room made; what had waited was written, no line was lost',
    changed:
      'the metric of failed writes: the one of lost lines moves only after 16 MB, hours later on a quiet site',
  },
}

/** The clock of the machine, and of nobody else, jumps ahead by an hour. Monotonic time goes on as it does on a real machine. */
export const clockWrong: Fault = {
  name: 'clock wrong',
  alert: 'GatehouseClockWrong',
  needs: ['faketime'],
  async stage(t) {
    const file = join(await tempFolder(t), 'offset')
    await writeFile(file, '+0\n')
    return {
      clock: file,
      env: {
        LD_PRELOAD: pathOf('faketime'),
        FAKETIME_TIMESTAMP_FILE: file,
        FAKETIME_NO_CACHE: '1',
        FAKETIME_DONT_FAKE_MONOTONIC: '1',
      },
    }
  },
  async begin(stage) {
    await writeFile(stage.clock, '+3600\n')
    await eventually(async () => (await stage.now()) > Date.now() + 1_800_000)
    return async () => {
      await writeFile(stage.clock, '+0\n')
      await eventually(async () => (await stage.now()) < Date.now() + 1_800_000)
    }
  },
  gameDay: {
    command: '/metrics',
    shows: /^gatehouse_clock_timestamp_seconds/m,
    mended: 'the clock set right',
    changed:
      'leases move with the clock, deadlines of connections and windows of limits no longer stand in the time of day: before, an hour ahead ended every lease and every request under way',
  },
}
