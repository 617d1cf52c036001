import { createSecretKey, randomBytes, randomUUID } from 'node:crypto'
import { appendFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { loadConfig } from '../config/load.ts'
import { registrationAudience, registrationFiles } from '../config/registration-files.ts'
import { duration } from '../config/units.ts'
import { signToken } from '../request/policies/token-engine.ts'

export interface TokenArguments {
  readonly upstreams: readonly string[]
  /** As people write it: `90d`. */
  readonly ttl: string
  /** Id of a token that is to hold no longer. */
  readonly revoke?: string
  readonly file: string
  readonly json: boolean
}

interface Io {
  out(text: string): void
  err(text: string): void
}

/**
 * `gatehouse token`: makes the token by which a service announces itself, and prints it alone, so that a script can
 * take it as it is; or revokes one. It needs the folder of routes.yaml and no running proxy. Exit code 0 done, 1 a
 * file cannot be written, 2 what was asked for makes no sense.
 */
export async function runToken(args: TokenArguments, io: Io): Promise<number> {
  const folder = dirname(resolve(args.file))
  try {
    return args.revoke === undefined
      ? await makeToken(args, folder, io)
      : await revokeToken(args.revoke, folder, io)
  } catch (error) {
    io.err(`gatehouse token: ${(error as Error).message}`)
    return 1
  }
}

async function makeToken({ upstreams, ttl, file, json }: TokenArguments, folder: string, io: Io) {
  const lasts = duration.safeParse(ttl)
  if (!lasts.success || lasts.data < 1000) {
    io.err(`gatehouse token: --ttl ${ttl} is not a duration of a second or more; write one such as 90d`)
    return 2
  }
  const fault = await findFault(upstreams, file)
  if (fault !== undefined) {
    io.err(`gatehouse token: ${fault}`)
    return 2
  }
  const id = randomUUID()
  const iat = Math.floor(Date.now() / 1000)
  const exp = iat + Math.ceil(lasts.data / 1000)
  const claims = { aud: registrationAudience, jti: id, iat, exp, upstreams: [...upstreams] }
  const token = await signToken(claims, createSecretKey(Buffer.from(await readKey(folder))))
  const expiresAt = new Date(exp * 1000).toISOString()
  await audit(folder, { event: 'token made', token: id, upstreams, expiresAt })
  if (json) io.out(JSON.stringify({ token, id, upstreams, expiresAt }))
  else {
    io.out(token)
    io.err(
      `for ${upstreams.join(', ')} until ${expiresAt}; take it back with: gatehouse token --revoke ${id}`,
    )
  }
  return 0
}

/** A slip in a name would be a token that opens nothing, found out only where it is used. */
async function findFault(upstreams: readonly string[], file: string): Promise<string | undefined> {
  if (upstreams.length === 0) return 'say which upstreams it may fill: --upstream NAME'
  const loaded = await loadConfig({ file })
  if (!loaded.ok) return `${file} has mistakes; gatehouse check names them`
  const known = loaded.config.upstreams
  const leased = Object.keys(known).filter((name) => known[name]?.leased)
  const unknown = upstreams.find((name) => !leased.includes(name))
  if (unknown === undefined) return undefined
  return `${unknown} is no leased upstream of ${file}; it has ${leased.join(', ') || 'none'}`
}

async function revokeToken(id: string, folder: string, io: Io): Promise<number> {
  if (!/^[A-Za-z0-9-]{8,64}$/.test(id)) {
    io.err(`gatehouse token: "${id}" is no id of a token; it was told when the token was made`)
    return 2
  }
  const file = resolve(folder, registrationFiles.revoked)
  await mkdir(dirname(file), { recursive: true })
  await appendFile(file, `${id}\n`, { mode: 0o640 })
  await audit(folder, { event: 'token revoked', token: id })
  io.out(`${id} holds no longer; leases that it made end with their next heartbeat`)
  return 0
}

/** Made by the first start of the proxy, or here. */
async function readKey(folder: string): Promise<string> {
  const file = resolve(folder, registrationFiles.key)
  await mkdir(dirname(file), { recursive: true })
  await writeFile(file, randomBytes(32).toString('base64url'), { flag: 'wx', mode: 0o600 }).catch((error) => {
    if (error.code !== 'EEXIST') throw error
  })
  return (await readFile(file, 'utf8')).trim()
}

async function audit(folder: string, entry: object): Promise<void> {
  const file = resolve(folder, registrationFiles.audit)
  await mkdir(dirname(file), { recursive: true })
  await appendFile(file, `${JSON.stringify({ ts: new Date().toISOString(), ...entry })}\n`, { mode: 0o640 })
}
