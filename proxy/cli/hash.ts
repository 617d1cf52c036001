import { randomBytes } from 'node:crypto'
import { chmod, chown, open, readFile, realpath, rename, rm, stat } from 'node:fs/promises'
import type { Writable } from 'node:stream'
import { hasControlCharacters, isUserName, parseHtpasswd } from '../request/policies/htpasswd.ts'
import { type Algorithm, algorithms, hasArgon2, hashPassword } from '../request/policies/password-hash.ts'
import { Cancelled, type PasswordInput, readPassword } from './read-password.ts'

export interface HashArguments {
  user: string
  /** Default: argon2id, or scrypt on a Node without it. */
  algorithm?: string
  /** An htpasswd file to add the user to, or in which to replace the user's line. Made if it does not exist. */
  file?: string
  json?: boolean
}

export interface HashStreams {
  stdin: PasswordInput
  stdout: Writable
  stderr: Writable
}

/**
 * `gatehouse hash USER`: makes a line for the htpasswd file of `basicAuth`, and prints it or writes it into the
 * file. Answers the exit code: 0 done, 1 the file could not be written, 2 the arguments or the password will not
 * do, 130 cancelled.
 */
export async function runHash(args: HashArguments, io: HashStreams): Promise<number> {
  let line: string
  let algorithm: Algorithm
  const user = args.user.normalize('NFC')
  try {
    algorithm = checkAlgorithm(args.algorithm)
    checkUser(user)
    const password = (await readPassword(io.stdin, io.stderr)).normalize('NFC')
    checkPassword(password, algorithm)
    line = `${user}:${await hashPassword(password, algorithm)}`
  } catch (error) {
    io.stderr.write(`gatehouse hash: ${(error as Error).message}\n`)
    return error instanceof Cancelled ? 130 : 2
  }
  if (args.file === undefined) {
    io.stdout.write(args.json ? `${JSON.stringify({ user, algorithm, line })}\n` : `${line}\n`)
    return 0
  }
  try {
    const { replaced, problems } = await putLine(args.file, user, line)
    if (problems) io.stderr.write(`${problems}\n`)
    const said = `${user} ${replaced ? 'replaced' : 'added'} in ${args.file} (${algorithm})`
    io.stdout.write(
      args.json ? `${JSON.stringify({ user, algorithm, file: args.file, replaced })}\n` : `${said}\n`,
    )
    return 0
  } catch (error) {
    io.stderr.write(`gatehouse hash: ${args.file} could not be written: ${(error as Error).message}\n`)
    return 1
  }
}

function checkAlgorithm(asked: string | undefined): Algorithm {
  if (asked === undefined) return hasArgon2 ? 'argon2id' : 'scrypt'
  const known = algorithms.find((algorithm) => algorithm === asked)
  if (known === undefined) throw new Error(`"${asked}" is none of ${algorithms.join(', ')}`)
  if (known === 'argon2id' && !hasArgon2) throw new Error('argon2id needs Node 24.7; take scrypt')
  return known
}

function checkUser(user: string): void {
  if (!isUserName(user) || user.startsWith('#'))
    throw new Error('a user has 1 to 255 characters, no colon, no control characters, and no # at the start')
}

function checkPassword(password: string, algorithm: Algorithm): void {
  const bytes = Buffer.byteLength(password)
  if (bytes === 0) throw new Error('the password is empty')
  if (hasControlCharacters(password))
    throw new Error('the password holds control characters, which browsers cannot send')
  if (bytes > 1024) throw new Error('the password has more than 1024 bytes')
  // bcrypt reads 72 bytes and no more: the rest of the password would count for nothing.
  if (algorithm === 'bcrypt' && bytes > 72)
    throw new Error('bcrypt reads 72 bytes of a password; take argon2id')
}

/**
 * Writes the file whole beside itself and renames it into place, so that a running proxy never reads half of it. The
 * owner stays who it was: root may call this, and the proxy must still be able to read the file.
 */
async function putLine(
  file: string,
  user: string,
  line: string,
): Promise<{ replaced: boolean; problems?: string }> {
  // A symbolic link stays one.
  const path = await realpath(file).catch(() => file)
  const before = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return ''
    throw error
  })
  const { text, replaced } = withLine(before, user, line)
  const draft = `${path}.${randomBytes(6).toString('hex')}`
  try {
    const handle = await open(draft, 'wx', 0o640)
    try {
      await handle.writeFile(text)
      await handle.sync()
    } finally {
      await handle.close()
    }
    // The mode given to open is narrowed by the umask.
    await chmod(draft, 0o640)
    const owner = await stat(path).catch(() => undefined)
    if (owner) await chown(draft, owner.uid, owner.gid).catch(() => {})
    await rename(draft, path)
  } catch (error) {
    await rm(draft, { force: true })
    throw error
  }
  return { replaced, problems: problemsOf(text, file) }
}

/** The user's first line is replaced, further ones go, everything else stays as it is. */
function withLine(before: string, user: string, line: string): { text: string; replaced: boolean } {
  const lines = before.split('\n')
  if (lines.at(-1) === '') lines.pop()
  let replaced = false
  const kept = lines.flatMap((old) => {
    const isUsers =
      !old.startsWith('#') && old.split(':', 1)[0]?.normalize('NFC') === user && old.includes(':')
    if (!isUsers) return [old]
    if (replaced) return []
    replaced = true
    return [line]
  })
  if (!replaced) kept.push(line)
  return { text: `${kept.join('\n')}\n`, replaced }
}

/** Other lines of the file may be beyond what the proxy reads; better said now than at its next start. */
function problemsOf(text: string, file: string): string | undefined {
  try {
    parseHtpasswd(Buffer.from(text), file)
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}
