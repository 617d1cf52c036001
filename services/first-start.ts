import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { appendFile, mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { promisify } from 'node:util'
import type { ServiceNeeds } from './roster.ts'
import { readablePassword } from './shared/password.ts'

/**
 * Makes what a service lacks on its first start: secrets, a password, a token to announce itself. Nothing that exists
 * is touched. Answers the environment that hands all of it over; a variable that is set already stands.
 */
export async function prepare(
  name: string,
  { upstreams, socket, keys = {}, password }: ServiceNeeds,
  env: NodeJS.ProcessEnv = process.env,
): Promise<NodeJS.ProcessEnv> {
  const made: NodeJS.ProcessEnv = {}
  if (socket !== undefined) made.SOCKET = socket
  for (const [variable, file] of Object.entries(keys)) {
    await keep(file, () => randomBytes(32).toString('base64url'))
    made[variable] = file
  }
  if (password !== undefined) {
    const { variable, file, user } = password
    const text = readablePassword()
    if (await keep(file, () => text)) {
      const line = `${name}: user ${user}, password ${text}`
      console.log(`${line} (kept in ${file})`)
      await appendFile(note, `${line}\n`, { mode: 0o600 })
    }
    made[variable] = file
  }
  const given = Object.fromEntries(
    Object.keys(made).flatMap((key) => (isSet(key, env) ? [] : [[key, made[key]]])),
  )
  return {
    ...given,
    GATEHOUSE_ADMIN: adminOf(env),
    GATEHOUSE_TOKEN: env.GATEHOUSE_TOKEN ?? (await tokenFor(upstreams)),
  }
}

/** Whether the proxy of this machine is up. */
export async function proxyAnswers(env: NodeJS.ProcessEnv = process.env): Promise<boolean> {
  return fetch(`${adminOf(env)}/healthz`).then(
    ({ ok }) => ok,
    () => false,
  )
}

/** The admin listener of the proxy of this machine. */
export function adminOf(env: NodeJS.ProcessEnv = process.env): string {
  return env.GATEHOUSE_ADMIN ?? `http://127.0.0.1:${env.ADMIN_PORT ?? 9901}`
}

// --- internal ---

/** Where the proxy keeps the passwords of a first start, too. */
const note = 'data/first-start.txt'

/** `PASSWORD_FILE` is set by `PASSWORD` as well. */
function isSet(variable: string, env: NodeJS.ProcessEnv): boolean {
  return env[variable] !== undefined || env[variable.replace(/_FILE$/, '')] !== undefined
}

/** Writes a file that does not exist, for its owner alone. Answers whether it did. */
async function keep(file: string, content: () => string): Promise<boolean> {
  await mkdir(dirname(file), { recursive: true })
  await mkdir(dirname(note), { recursive: true })
  try {
    await writeFile(file, content(), { flag: 'wx', mode: 0o600 })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

/** One for the time that this process runs; it is asked for by the command that an operator would use. */
async function tokenFor(upstreams: readonly string[]): Promise<string> {
  const args = ['token', '--ttl', '90d', ...upstreams.flatMap((upstream) => ['--upstream', upstream])]
  try {
    const { stdout } = await promisify(execFile)('./gatehouse', args)
    return stdout.trim()
  } catch (error) {
    const { stderr } = error as { stderr?: string }
    throw new Error(`no token: ${stderr?.trim()}. The first "make run" makes what routes.yaml names.`)
  }
}
