import { stat } from 'node:fs/promises'
import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** Gives the folder back. */
export type Unlock = () => Promise<void>

/**
 * Keeps a folder for this process and one purpose alone. Answers undefined if it is kept already.
 *
 * It is held for as long as the process lives, however that ends: a name that Linux gives once, and that is no file (an
 * abstract unix socket), so nothing of it can be left behind. The folder is known by its inode, not by how its path is
 * written.
 */
export async function lockFolder(folder: string, purpose: string): Promise<Unlock | undefined> {
  const { dev, ino } = await stat(folder)
  const lock = createServer((socket) => socket.destroy())
  const isOurs = await new Promise<boolean>((resolve, reject) => {
    lock.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' ? resolve(false) : reject(error),
    )
    lock.listen({ path: `\0gatehouse-visits-${purpose}-${dev}-${ino}` }, () => resolve(true))
  })
  if (!isOurs) return undefined
  lock.unref()
  return () => new Promise((resolve) => lock.close(() => resolve()))
}

/** Does `work` while nobody else does any for that purpose in the folder; waits for its turn, at most ten seconds. */
export async function alone<Answer>(
  folder: string,
  purpose: string,
  work: () => Promise<Answer>,
): Promise<Answer> {
  const end = performance.now() + 10_000
  for (;;) {
    const unlock = await lockFolder(folder, purpose)
    if (unlock !== undefined) return work().finally(unlock)
    if (performance.now() > end) throw new Error(`${folder} is being changed by another process; try again`)
    await sleep(20)
  }
}
