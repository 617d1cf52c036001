import { mkdir, open, readFile, rename, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Logger } from '../shared/logger.ts'
import { alone } from './folder-lock.ts'
import type { Users } from './users.ts'

/**
 * Users in a file of lines `name:$argon2id$…`, as `gatehouse hash` writes them, too. It is read again when it has
 * changed, so a user who is added can sign in at once. A change is written beside it and renamed: a reader sees the
 * old file or the new one, never half of one.
 */
export function usersInFile(path: string, log: Logger): Users {
  let version = ''
  let users: ReadonlyMap<string, string> = new Map()

  async function read(): Promise<ReadonlyMap<string, string>> {
    const now = await versionOf(path)
    if (now === version) return users
    users = now === '' ? new Map() : parseUsers(await readFile(path, 'utf8'), path, log)
    version = now
    return users
  }

  /** One after the other: of two that read the same file, the second would take away what the first had written. */
  async function change<Answer>(work: (known: Map<string, string>) => Promise<Answer>): Promise<Answer> {
    const folder = dirname(path)
    await mkdir(folder, { recursive: true })
    return alone(folder, 'users', async () => work(new Map(await read())))
  }

  async function write(next: ReadonlyMap<string, string>): Promise<void> {
    const file = await open(`${path}.new`, 'w', 0o600)
    try {
      await file.writeFile([...next].map(([name, hash]) => `${name}:${hash}\n`).join(''))
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(`${path}.new`, path)
  }

  return {
    hashOf: async (name) => (await read()).get(name),
    set: (name, hash) =>
      change(async (known) => {
        const isThere = known.has(name)
        await write(known.set(name, hash))
        return isThere ? 'changed' : 'added'
      }),
    remove: (name) =>
      change(async (known) => {
        const isThere = known.delete(name)
        if (isThere) await write(known)
        return isThere
      }),
    areNone: async () => (await read()).size === 0,
    close: async () => {},
  }
}

// --- internal ---

/** Changes with the content, since a change is always a file of its own; empty where there is none. */
async function versionOf(path: string): Promise<string> {
  try {
    const { ino, mtimeMs, size } = await stat(path)
    return `${ino} ${mtimeMs} ${size}`
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw error
  }
}

/** Other hashes take another time to verify, and so would tell which names exist: they are not taken. */
function parseUsers(text: string, path: string, log: Logger): Map<string, string> {
  const users = new Map<string, string>()
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue
    const [, name, hash] = /^([^:]{1,64}):(\$argon2id\$\S+)$/.exec(line.trimEnd()) ?? []
    if (name === undefined || hash === undefined)
      log.warn('a line of the users is not "name:$argon2id$…", and is passed over', { path, line: index + 1 })
    else users.set(name, hash)
  }
  return users
}
