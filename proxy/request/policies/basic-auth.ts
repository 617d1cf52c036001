import { createHmac, randomBytes } from 'node:crypto'
import { resolve } from 'node:path'
import type { PolicyOptions } from '../../config/policy-schemas.ts'
import type { Facts } from '../facts.ts'
import type { PolicyContext } from './context.ts'
import { followFile } from './followed-file.ts'
import { hasControlCharacters, isUserName, parseHtpasswd } from './htpasswd.ts'
import type { PasswordHash } from './password-hash.ts'
import { type Deny, deny, type HeaderEntry, type Pass, type Policy, type Verdict } from './policy.ts'
import { removeFields } from './request-fields.ts'
import { createVerifiedCache, type VerifiedCache } from './verified-cache.ts'
import { createWorkQueue } from './work-queue.ts'

/**
 * Asks for a name and a password of an htpasswd file (RFC 7617). The file is followed: a removed user is out
 * within a second, and out of tunnels and event streams within two; so is whoever knows only the password of before. A
 * broken rewrite leaves the users of before in force.
 *
 * The password stops here: the upstream gets the name in X-Forwarded-User and never the Authorization field.
 * In observe mode that field goes on as it came, because the upstream may be the one that checks it today.
 */
export function basicAuth(options: PolicyOptions<'basicAuth'>, context: PolicyContext): Policy {
  const users = followUsers(options.users, context)
  const challenge: HeaderEntry[] = [['www-authenticate', `Basic realm="${options.realm}", charset="UTF-8"`]]
  const policy: Policy = {
    name: 'basicAuth',
    mode: options.mode,
    decide: function basicAuth(facts) {
      const given = readCredentials(facts)
      if (given === undefined) return deny('credentials_required', 'no credentials', challenge)
      if (typeof given === 'string') return deny('credentials_invalid', given, challenge)
      return judge(given, users(), challenge)
    },
    stillHolds(facts, since) {
      const { changedAt } = users()
      if (changedAt.size === 0) return true
      const given = readCredentials(facts)
      return typeof given !== 'object' || (changedAt.get(given.user) ?? 0) < since
    },
  }
  if (options.mode === 'enforce') policy.editRequest = (_facts, headers) => removeFields(headers, theirs)
  return policy
}

interface Credentials {
  user: string
  password: string
}

/** One version of the file, with what has been verified against it: a new version forgets both. */
interface Users {
  readonly byName: ReadonlyMap<string, PasswordHash>
  /** Stands in for an unknown user, so that names cannot be told from the time a refusal takes. */
  readonly costliest: PasswordHash
  readonly verified: VerifiedCache<Pass>
  /** Checks under way, so that the thirty requests of one page cost one check. */
  readonly pending: Map<string, Promise<Verdict>>
  /** When it was seen that a user is gone, or has another password. By `performance.now()`. */
  readonly changedAt: ReadonlyMap<string, number>
}

function followUsers(file: string, context: PolicyContext): () => Users {
  const path = resolve(context.folder, file)
  const changedAt = new Map<string, number>()
  let before: Users['byName'] = new Map()
  return followFile(path, {
    mend: `\`gatehouse hash NAME --file ${file}\` makes it`,
    parse: (content): Users => {
      const byName = parseHtpasswd(content, file)
      for (const [name, { text }] of before)
        if (byName.get(name)?.text !== text) changedAt.set(name, performance.now())
      before = byName
      const costliest = [...byName.values()].reduce((most, hash) => (hash.cost > most.cost ? hash : most))
      return { byName, costliest, verified: createVerifiedCache(1000), pending: new Map(), changedAt }
    },
    onBroken: context.onBackgroundError,
  })
}

/** How long a right password is remembered, in milliseconds. */
const rememberFor = 600_000
/** Longer is no password but work for us: the time of most hashes grows with it. In bytes. */
const longestPassword = 1024

/**
 * bcrypt, argon2 and scrypt run on libuv's four threads, which files, DNS and compression need too: two are
 * left to them. One queue for the process, because the threads are the process's.
 */
const checks = createWorkQueue({ running: 2, waiting: 64 })
/** A digest without this key tells nothing about a password, and the key never leaves the process. */
const digestKey = randomBytes(32)

function judge(
  given: Credentials,
  users: Users,
  challenge: readonly HeaderEntry[],
): Verdict | Promise<Verdict> {
  const digest = createHmac('sha256', digestKey).update(`${given.user}:${given.password}`).digest('base64')
  const known = users.verified.get(digest) ?? users.pending.get(digest)
  if (known !== undefined) return known
  const started = checks.run(() => check(given, users, challenge))
  if (started === undefined)
    return deny('overloaded', 'too many passwords wait to be checked', [['retry-after', '2']])
  const verdict = started
    .then((outcome) => {
      if (outcome.verdict === 'pass') users.verified.set(digest, outcome, Date.now() + rememberFor)
      return outcome
    })
    .finally(() => users.pending.delete(digest))
  users.pending.set(digest, verdict)
  return verdict
}

/** The log names only users that exist: people type passwords into the field for the name. */
async function check(
  { user, password }: Credentials,
  users: Users,
  challenge: readonly HeaderEntry[],
): Promise<Pass | Deny> {
  const stored = users.byName.get(user)
  const right = await (stored ?? users.costliest).verify(password)
  if (stored === undefined) return deny('credentials_invalid', 'unknown user', challenge)
  return right
    ? { verdict: 'pass', user }
    : deny('credentials_invalid', `wrong password of "${user}"`, challenge)
}

/** Answers undefined where there are none, and a reason where they cannot be read in one way only. */
function readCredentials(facts: Facts): Credentials | string | undefined {
  const fields = facts.headers.all('authorization')
  if (fields.length > 1) return 'more than one Authorization'
  const basic = /^basic(?: +|$)(.*)$/i.exec(fields[0] ?? '')
  if (basic === null) return undefined
  const token = (basic[1] ?? '').trim()
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(token))
    return 'malformed base64'
  const text = decodeUtf8(Buffer.from(token, 'base64'))
  if (text === undefined) return 'not UTF-8'
  const colon = text.indexOf(':')
  if (colon === -1) return 'no colon'
  const user = text.slice(0, colon)
  const password = text.slice(colon + 1)
  // bcrypt ends a password at a zero byte, so that what stands behind it would not count. RFC 7617 §2 forbids it.
  if (!isUserName(user) || hasControlCharacters(password))
    return 'a name or password that RFC 7617 does not allow'
  if (Buffer.byteLength(password) > longestPassword) return `a password of more than ${longestPassword} bytes`
  return { user, password }
}

const theirs = new Set(['authorization'])
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function decodeUtf8(bytes: Buffer): string | undefined {
  try {
    return utf8.decode(bytes).normalize('NFC')
  } catch {
    return undefined
  }
}
