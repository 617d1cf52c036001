import { randomBytes, randomInt } from 'node:crypto'
import { appendFile, lstat, mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path'
import { dashboardFiles } from '../config/dashboard-files.ts'
import { registrationFiles } from '../config/registration-files.ts'
import { readSource } from '../config/source.ts'
import { type Algorithm, hasArgon2, hashPassword } from '../request/policies/password-hash.ts'

type Env = Readonly<Record<string, string | undefined>>

/**
 * Makes what `routes.yaml` in the folder names and a fresh clone lacks, so that the first start is a start: password
 * files of `basicAuth` with one user, `.key` files of `jwt` and `sticky` with a random secret, the folders of access
 * logs, and those of pages that are not built yet.
 * Answers one line a file, for people: the password of a new user is in it, and in `data/first-start.txt`.
 *
 * It runs before the configuration is loaded, and leaves every complaint about it to the loader. What exists is
 * never written to. What lies outside the folder, and a certificate or public key, is not ours to make up.
 */
export async function ensureFirstStartFiles(folder: string, env: Env = process.env): Promise<string[]> {
  const text = await readFile(join(folder, 'routes.yaml'), 'utf8').catch(() => undefined)
  const value = text === undefined ? undefined : readSource('routes.yaml', text, env).source?.value
  const named = namesIn(value)
  for (const log of inside(folder, named.logs)) await mkdir(dirname(join(folder, log)), { recursive: true })
  // Until `make build` fills one its route answers 404. Anywhere else a folder that is not there is a mistake.
  for (const built of inside(folder, named.pages)) await mkdir(join(folder, built), { recursive: true })
  const lines: string[] = []
  for (const file of inside(folder, named.users)) lines.push(...(await makeUsers(folder, file)))
  if (named.leased) named.keys.add(registrationFiles.key)
  for (const file of inside(folder, named.keys)) lines.push(...(await makeKey(folder, file)))
  return lines
}

/**
 * Makes the password and the key of the dashboard where they are missing; answers lines as above. A folder that cannot be
 * written to is no reason not to serve: then nobody signs in until an operator has made them.
 */
export async function ensureDashboardFiles(folder: string): Promise<string[]> {
  try {
    await makeKey(folder, dashboardFiles.key)
    // A test starts for the first time each time, and scrypt takes ten times as long.
    return await makeUsers(folder, dashboardFiles.users, hasArgon2 ? 'argon2id' : 'scrypt')
  } catch (error) {
    const mend = `\`gatehouse hash NAME --file ${dashboardFiles.users}\` makes a user`
    return [`nothing for the dashboard (${(error as Error).message}); ${mend}`]
  }
}

// --- what the file names ---

interface Names {
  readonly users: ReadonlySet<string>
  readonly keys: Set<string>
  readonly logs: ReadonlySet<string>
  /** Folders below dist/, which git does not keep. */
  readonly pages: ReadonlySet<string>
  /** Services announce themselves, which takes a key for their tokens. */
  readonly leased: boolean
}

/** The file has not been checked yet: whatever does not look as it should is passed over. */
function namesIn(config: unknown): Names {
  const users = new Set<string>()
  const keys = new Set<string>()
  const logs = new Set<string>()
  const folders = new Set<string>()
  const routes = at(config, 'routes')
  for (const holder of [at(config, 'defaults'), ...(Array.isArray(routes) ? routes : [])]) {
    addText(users, at(holder, 'policies', 'basicAuth', 'users'))
    addText(keys, at(holder, 'policies', 'jwt', 'key'))
    addText(logs, at(holder, 'accessLog'))
    addText(folders, at(holder, 'files', 'root') ?? at(holder, 'files'))
  }
  addText(logs, at(config, 'accessLog', 'file') ?? 'data/logs/access.log')
  const block = at(config, 'upstreams')
  const upstreams = typeof block === 'object' ? Object.values(block ?? {}) : []
  for (const upstream of upstreams) addText(keys, at(upstream, 'sticky', 'key'))
  const leased = upstreams.some((each) => at(each, 'leased'))
  return {
    users,
    keys: new Set([...keys].filter((key) => key.endsWith('.key'))),
    logs,
    pages: new Set([...folders].filter((each) => each.startsWith('dist/'))),
    leased,
  }
}

function at(value: unknown, ...path: string[]): unknown {
  let found = value
  for (const key of path) {
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, key)) return undefined
    found = (found as Record<string, unknown>)[key]
  }
  return found
}

function addText(set: Set<string>, value: unknown): void {
  if (typeof value === 'string' && value !== '' && value !== 'stdout' && !value.startsWith('env:'))
    set.add(value)
}

function inside(folder: string, names: ReadonlySet<string>): string[] {
  return [...names].filter((name) => {
    const way = relative(folder, resolve(folder, name))
    return !isAbsolute(name) && way !== '' && way !== '..' && !way.startsWith(`..${sep}`)
  })
}

// --- what is made ---

const noteFile = 'data/first-start.txt'

async function makeUsers(folder: string, file: string, algorithm: Algorithm = 'scrypt'): Promise<string[]> {
  // Asked first, because hashing takes a while, and every start but the first would pay for it.
  if (await exists(join(folder, file))) return []
  const password = readablePassword()
  const line = `admin:${await hashPassword(password, algorithm)}\n`
  if (!(await makeFile(join(folder, file), line))) return []
  const made = `${file}: user admin, password ${password}`
  await keepNote(folder, made)
  return [`${made} (kept in ${noteFile}: note it, then delete that file)`]
}

async function makeKey(folder: string, file: string): Promise<string[]> {
  const made = await makeFile(join(folder, file), randomBytes(32).toString('base64url'))
  return made ? [`${file}: a new random key`] : []
}

async function keepNote(folder: string, text: string): Promise<void> {
  const file = join(folder, noteFile)
  await mkdir(dirname(file), { recursive: true })
  await appendFile(file, `${text}\n`, { mode: 0o600 })
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  )
}

/** Answers whether it was made. `wx` refuses what exists, a symlink that leads nowhere included. */
async function makeFile(path: string, content: string): Promise<boolean> {
  try {
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, content, { flag: 'wx', mode: 0o600 })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

/** Sixteen characters that are not mistaken for one another, about 79 bits: `k7qm-x2vd-9fht-3wpn`. */
function readablePassword(): string {
  const group = () => Array.from({ length: 4 }, () => alphabet[randomInt(alphabet.length)]).join('')
  return [group(), group(), group(), group()].join('-')
}

const alphabet = 'abcdefghjkmnpqrstuvwxyz23456789'
