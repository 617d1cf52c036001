import crypto, { createHash, randomBytes, scrypt, timingSafeEqual } from 'node:crypto'
import { hash as bcryptHash, verify as bcryptVerify } from '@node-rs/bcrypt'
import { computeApr1 } from './apr1.ts'

/** A stored password: what can be asked of it, and roughly how many milliseconds that takes. */
export interface PasswordHash {
  readonly form: string
  /** As it was read. It is another one for each password, and each time that one is set. */
  readonly text: string
  readonly cost: number
  verify(password: string): Promise<boolean>
}

export const algorithms = ['argon2id', 'scrypt', 'bcrypt'] as const
export type Algorithm = (typeof algorithms)[number]

/** Node has it since 24.7. */
export const hasArgon2 = typeof crypto.argon2 === 'function'

/**
 * Reads a hash in one of the forms of an htpasswd file. Throws a sentence about anything else, and about costs that
 * would stop the proxy. The sentence never holds the text: what is no hash may well be a password.
 */
export function parsePasswordHash(text: string): PasswordHash {
  for (const { form, pattern, read } of forms) {
    const match = pattern.exec(text)
    if (match) return { form, text, ...read(match.slice(1)) }
  }
  if (/^[./0-9A-Za-z]{13}$/.test(text)) throw new Error('is a DES crypt hash, or plain text')
  if (/^(\$|\{[A-Z0-9-]+\})/.test(text)) throw new Error('is a hash of an unknown or damaged form')
  throw new Error('is plain text')
}

/** Makes a hash with the parameters that OWASP recommends (Password Storage Cheat Sheet). */
export async function hashPassword(password: string, algorithm: Algorithm): Promise<string> {
  if (algorithm === 'bcrypt') return bcryptHash(password, { cost: 12 })
  const salt = randomBytes(16)
  const parameters = algorithm === 'argon2id' ? 'v=19$m=19456,t=2,p=1' : 'ln=17,r=8,p=1'
  const key =
    algorithm === 'argon2id'
      ? await argon2id(password, salt, 32, { memory: 19456, passes: 2, parallelism: 1 })
      : await scryptKey(password, salt, 32, { N: 2 ** 17, r: 8, p: 1 })
  return `$${algorithm}$${parameters}$${unpadded(salt)}$${unpadded(key)}`
}

// --- forms ---

interface Form {
  form: string
  pattern: RegExp
  read(parts: string[]): Omit<PasswordHash, 'form' | 'text'>
}

const base64 = '([A-Za-z0-9+/]+)'
const mostMemory = 256 * 1024 * 1024

const forms: readonly Form[] = [
  {
    form: 'bcrypt',
    pattern: /^(\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53})$/,
    read: ([hash = '', rounds]) => {
      const cost = Number(rounds)
      // Each step doubles the time; 16 is about four seconds.
      if (cost < 4 || cost > 16) throw new Error(`has the bcrypt cost ${cost}, outside 4 to 16`)
      return { cost: 0.06 * 2 ** cost, verify: (password) => bcryptVerify(password, hash) }
    },
  },
  {
    form: 'argon2id',
    pattern: new RegExp(
      `^\\$argon2id\\$v=19\\$m=(\\d{1,9}),t=(\\d{1,4}),p=(\\d{1,3})\\$${base64}\\$${base64}$`,
    ),
    read: ([m, t, p, salt = '', key = '']) => {
      if (!hasArgon2) throw new Error('is argon2id, which this Node lacks (it needs 24.7)')
      const [memory, passes, parallelism] = [Number(m), Number(t), Number(p)]
      if (
        memory < 8 * parallelism ||
        memory * 1024 > mostMemory ||
        passes < 1 ||
        passes > 64 ||
        parallelism < 1
      )
        throw new Error('has argon2id parameters outside m ≤ 262144 (256 MB), t 1 to 64, p ≥ 1')
      const [nonce, expected] = [bytesOf(salt, 8), bytesOf(key, 16)]
      return {
        cost: memory * passes * 0.0012,
        verify: async (password) =>
          same(await argon2id(password, nonce, expected.length, { memory, passes, parallelism }), expected),
      }
    },
  },
  {
    form: 'scrypt',
    pattern: new RegExp(`^\\$scrypt\\$ln=(\\d{1,2}),r=(\\d{1,3}),p=(\\d{1,3})\\$${base64}\\$${base64}$`),
    read: ([ln, blocks, lanes, salt = '', key = '']) => {
      const [N, r, p] = [2 ** Number(ln), Number(blocks), Number(lanes)]
      if (N < 2 || r < 1 || p < 1 || p > 16 || 128 * N * r > mostMemory)
        throw new Error('has scrypt parameters outside 256 MB of memory, p 1 to 16')
      const [nonce, expected] = [bytesOf(salt, 8), bytesOf(key, 16)]
      return {
        cost: N * r * p * 0.0004,
        verify: async (password) =>
          same(await scryptKey(password, nonce, expected.length, { N, r, p }), expected),
      }
    },
  },
  {
    form: 'apr1',
    pattern: /^(\$apr1\$([./A-Za-z0-9]{1,8})\$[./A-Za-z0-9]{22})$/,
    read: ([hash = '', salt = '']) => ({
      cost: 2,
      verify: async (password) => same(Buffer.from(await computeApr1(password, salt)), Buffer.from(hash)),
    }),
  },
  {
    form: 'SHA',
    pattern: /^\{SHA\}([A-Za-z0-9+/]{27}=)$/,
    read: ([text = '']) => saltedSha1(Buffer.from(text, 'base64')),
  },
  {
    form: 'SSHA',
    pattern: /^\{SSHA\}([A-Za-z0-9+/]{28,118}={0,2})$/,
    read: ([text = '']) => saltedSha1(Buffer.from(text, 'base64')),
  },
]

/** Twenty bytes of SHA-1, then the salt, if there is one. */
function saltedSha1(stored: Buffer): Omit<PasswordHash, 'form' | 'text'> {
  const [expected, salt] = [stored.subarray(0, 20), stored.subarray(20)]
  return {
    cost: 0.01,
    verify: async (password) => same(createHash('sha1').update(password).update(salt).digest(), expected),
  }
}

// --- key derivation on libuv's threads ---

type Argon2Cost = { memory: number; passes: number; parallelism: number }

function argon2id(message: string, nonce: Buffer, tagLength: number, cost: Argon2Cost): Promise<Buffer> {
  return new Promise((resolve, reject) =>
    crypto.argon2('argon2id', { message, nonce, tagLength, ...cost }, (error, key) =>
      error ? reject(error) : resolve(key),
    ),
  )
}

function scryptKey(
  password: string,
  salt: Buffer,
  length: number,
  cost: { N: number; r: number; p: number },
) {
  const maxmem = 128 * cost.r * (cost.N + cost.p + 2) + 1024 * 1024
  return new Promise<Buffer>((resolve, reject) =>
    scrypt(password, salt, length, { ...cost, maxmem }, (error, key) =>
      error ? reject(error) : resolve(key),
    ),
  )
}

function same(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b)
}

function bytesOf(text: string, least: number): Buffer {
  const bytes = Buffer.from(text, 'base64')
  if (bytes.length < least || bytes.length > 64) throw new Error('has a salt or a key of an unusual length')
  return bytes
}

function unpadded(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '')
}
