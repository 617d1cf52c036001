import { createHash, randomBytes } from 'node:crypto'
import { resolve } from 'node:path'
import { dashboardFiles } from '../../config/dashboard-files.ts'
import { followFile } from '../../request/policies/followed-file.ts'
import { hasControlCharacters, isUserName, parseHtpasswd } from '../../request/policies/htpasswd.ts'
import type { PasswordHash } from '../../request/policies/password-hash.ts'

/** Who may sign in, as the password file has it now, and the key that signs their sessions. */
export interface Accounts {
  /** Answers the name as the file has it, or undefined. An unknown name takes as long as a wrong password. */
  check(user: string, password: string): Promise<string | undefined>
  /** Stands for the user's line in the file; another password is another mark. */
  markOf(user: string): string | undefined
  key(): Buffer
  /** Why nobody can sign in, for the person who tries. */
  readonly trouble: string | undefined
}

const leastKey = 32
const longestPassword = 1024

/** `folder`: of routes.yaml. Both files are looked at again when they change, or come to be there. */
export function openAccounts(folder: string, onTrouble: (sentence: string) => void): Accounts {
  const { users: usersFile, key: keyFile } = dashboardFiles
  let trouble: string | undefined
  let users: (() => Users) | undefined
  let key: (() => Buffer) | undefined
  /** Without a key file, sessions end with the process and commands cannot sign in. */
  const ownKey = randomBytes(32)

  function current(): Users | undefined {
    try {
      users ??= followFile(resolve(folder, usersFile), {
        mend: `\`gatehouse hash NAME --file ${usersFile}\` makes it`,
        parse: readUsers,
        onBroken: onTrouble,
      })
      trouble = undefined
      return users()
    } catch (error) {
      trouble = (error as Error).message
      return undefined
    }
  }

  return {
    async check(user, password) {
      const known = current()
      const name = user.normalize('NFC')
      const isPossible =
        isUserName(name) && !hasControlCharacters(password) && Buffer.byteLength(password) <= longestPassword
      if (known === undefined || !isPossible) return undefined
      const stored = known.byName.get(name)
      const isRight = await (stored ?? known.costliest).verify(password.normalize('NFC'))
      return isRight && stored !== undefined ? name : undefined
    },
    markOf: (user) => current()?.marks.get(user),
    key() {
      try {
        key ??= followFile(resolve(folder, keyFile), { parse: readKey, onBroken: onTrouble })
        return key()
      } catch {
        return ownKey
      }
    },
    get trouble() {
      current()
      return trouble
    },
  }
}

/** Of a key file. Throws a sentence about one that could be guessed. */
export function readKey(content: Buffer): Buffer {
  const text = content.toString('utf8').trim()
  if (text.length < leastKey) throw new Error(`${dashboardFiles.key} has less than ${leastKey} characters`)
  return Buffer.from(text)
}

// --- internal ---

interface Users {
  readonly byName: ReadonlyMap<string, PasswordHash>
  readonly marks: ReadonlyMap<string, string>
  readonly costliest: PasswordHash
}

function readUsers(content: Buffer): Users {
  const byName = parseHtpasswd(content, dashboardFiles.users)
  const marks = new Map<string, string>()
  for (const line of content.toString('utf8').split(/\r?\n/)) {
    const name = line.split(':', 1)[0]?.normalize('NFC') ?? ''
    if (byName.has(name)) marks.set(name, createHash('sha256').update(line).digest('base64'))
  }
  const costliest = [...byName.values()].reduce((most, hash) => (hash.cost > most.cost ? hash : most))
  return { byName, marks, costliest }
}
