import { argon2, randomBytes, randomInt, scrypt, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'

/** Memory in KiB, passes, lanes: OWASP's first choice for argon2id. */
const cost = { memory: 19_456, passes: 2, parallelism: 1 }
const form =
  /^\$argon2id\$v=19\$m=(\d{1,6}),t=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]{11,88})\$([A-Za-z0-9+/]{22,88})$/
const scryptForm =
  /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]{11,88})\$([A-Za-z0-9+/]{22,88})$/

/** Hashes a password with argon2id, off the event loop. Answers a PHC string: `$argon2id$v=19$m=…$salt$hash`. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16)
  const hash = await derive(password, salt, 32, cost)
  return `$argon2id$v=19$m=${cost.memory},t=${cost.passes},p=${cost.parallelism}$${base64(salt)}$${base64(hash)}`
}

/**
 * Whether the password is the one that was hashed, by argon2id or scrypt. Without a hash, because nobody has that
 * name, it takes as long as with one and answers false: the time must not tell which names exist.
 */
export async function verifyPassword(password: string, hash: string | undefined): Promise<boolean> {
  const parts = form.exec(hash ?? '')
  const scryptParts = scryptForm.exec(hash ?? '')
  if (scryptParts) return verifyScrypt(password, scryptParts)
  const [, memory, passes, parallelism, salt, expected] = parts ?? form.exec(await nobody()) ?? []
  if (salt === undefined || expected === undefined) return false
  const wanted = Buffer.from(expected, 'base64')
  const parameters = { memory: Number(memory), passes: Number(passes), parallelism: Number(parallelism) }
  const found = await derive(password, Buffer.from(salt, 'base64'), wanted.length, parameters)
  return timingSafeEqual(found, wanted) && parts !== null
}

/** Sixteen characters that are not mistaken for one another, about 79 bits. */
export function readablePassword(): string {
  const alphabet = 'abcdefghjkmnpqrstuvwxyz23456789'
  const group = () => Array.from({ length: 4 }, () => alphabet[randomInt(alphabet.length)]).join('')
  return [group(), group(), group(), group()].join('-')
}

// --- internal ---

let ofNobody: Promise<string> | undefined

function nobody(): Promise<string> {
  ofNobody ??= hashPassword(randomBytes(16).toString('hex'))
  return ofNobody
}

function derive(
  password: string,
  nonce: Buffer,
  tagLength: number,
  parameters: typeof cost,
): Promise<Buffer> {
  return new Promise((resolve, reject) =>
    argon2('argon2id', { message: Buffer.from(password), nonce, tagLength, ...parameters }, (error, hash) =>
      error ? reject(error) : resolve(Buffer.from(hash)),
    ),
  )
}

const scryptOf = promisify(scrypt) as (
  password: string,
  salt: Buffer,
  length: number,
  options: { N: number; r: number; p: number; maxmem: number },
) => Promise<Buffer>

async function verifyScrypt(password: string, parts: RegExpExecArray): Promise<boolean> {
  const [, ln = '', r = '', p = '', salt = '', hash = ''] = parts
  const expected = Buffer.from(hash, 'base64')
  const options = { N: 2 ** Number(ln), r: Number(r), p: Number(p), maxmem: 256 * 1024 ** 2 }
  if (128 * options.N * options.r > options.maxmem / 2) return false
  const found = await scryptOf(password, Buffer.from(salt, 'base64'), expected.length, options)
  return timingSafeEqual(found, expected)
}

function base64(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '')
}
