import { open } from 'node:fs/promises'

/** A rename, or a new file, is on the disk when its folder is. Rejects if the folder cannot be read or the disk fails. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
