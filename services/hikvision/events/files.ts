import { mkdir, rename, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'

let made = 0

/** Writes a whole file or none: beside its place, down to the disk, and then under its name. Its folder is made. */
export async function writeWhole(path: string, content: Buffer): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  made += 1
  const beside = `${path}.${process.pid}.${made}.part`
  await writeFile(beside, content, { flush: true, mode: 0o600 })
  await rename(beside, path)
}
