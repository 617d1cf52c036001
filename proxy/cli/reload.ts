import { setTimeout as sleep } from 'node:timers/promises'
import type { Processes } from '../admin/source.ts'
import { askAdmin } from './ask-admin.ts'

export interface ReloadArguments {
  readonly file: string
  /** Default: what routes.yaml says. */
  readonly admin?: string
  readonly json: boolean
}

interface Io {
  out(text: string): void
  err(text: string): void
}

/** Milliseconds. */
const lookEvery = 100
/** For the signal to arrive. */
const noticeWithin = 5_000

/**
 * `gatehouse reload`: has the running Gatehouse put a new worker in the place of each, one after the other, and waits
 * until it has. With the new workers comes the code that lies there now, and routes.yaml as it is. The signal is the
 * permission: only its user, and root, may send one. Exit code 0 done, 1 the new ones cannot serve and those before
 * stay, 2 nobody could be asked.
 */
export async function runReload(args: ReloadArguments, io: Io): Promise<number> {
  const look = async (): Promise<Processes> => (await askAdmin(args, '/v1/workers')) as Processes
  try {
    const { pid, change: before } = await look()
    process.kill(pid, 'SIGUSR2')
    const change = await ended(look, before?.begunAt ?? 0)
    if (args.json) io.out(JSON.stringify({ pid, ...change }))
    else if (change.outcome === 'failed')
      io.err(`gatehouse reload: a new worker cannot serve, those before stay: ${change.reason}`)
    else io.out(`${(await look()).workers.filter(({ state }) => state === 'ready').length} new workers serve`)
    return change.outcome === 'failed' ? 1 : 0
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const why = code === 'EPERM' ? 'it runs as another user; be that one, or root' : message
    io.err(`gatehouse reload: ${why}`)
    return 2
  }
}

type Change = NonNullable<Processes['change']>

/** The change that began after `since`, once it has ended. */
async function ended(look: () => Promise<Processes>, since: number): Promise<Change> {
  const until = Date.now() + noticeWithin
  for (;;) {
    await sleep(lookEvery)
    const { change } = await look()
    const isOurs = change !== undefined && change.begunAt > since
    if (isOurs && change.endedAt !== undefined) return change
    if (!isOurs && Date.now() > until) throw new Error('the running Gatehouse took no notice of the signal')
  }
}
