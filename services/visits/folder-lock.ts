import { stat } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'

/**
 * Keeps a folder for this process alone; throws if another has it. Closing it gives the folder back.
 *
 * It is held for as long as the process lives, however it ends: a name that Linux gives once, and that is no file (an abstract
 * unix socket), so nothing of it can be left behind. The folder is known by its inode, not by how its path is written.
 */
export async function lockFolder(folder: string): Promise<Server> {
  const { dev, ino } = await stat(folder)
  const lock = createServer((socket) => socket.destroy())
  await new Promise<void>((resolve, reject) => {
    lock.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        error.code === 'EADDRINUSE'
          ? new Error(`${folder} is in use by another process; set REDIS_URL to count with several`)
          : error,
      ),
    )
    lock.listen({ path: `\0gatehouse-visits-${dev}-${ino}` }, resolve)
  })
  lock.unref()
  return lock
}
