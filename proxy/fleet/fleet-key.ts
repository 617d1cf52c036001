import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  hkdfSync,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { registrationFiles } from '../config/registration-files.ts'

/**
 * What the proxies of a fleet know and Redis does not: the key of registration, which is the same file on all of
 * their machines, because a token must hold on each of them. Whoever may only write to Redis can neither name a
 * target nor read a TLS session, nor learn the key of a certificate.
 */
export interface FleetKey {
  /** The text with a proof that a proxy of this fleet wrote it, as `context`. */
  seal(context: string, text: string): string
  /** The text of a sealed one, or undefined. */
  open(context: string, sealed: string): string | undefined
  /** The text so that only a proxy of this fleet can read it, and only as `context`. */
  encrypt(context: string, text: string): string
  /** The text of an encrypted one, or undefined. */
  decrypt(context: string, encrypted: string): string | undefined
  /** Bytes that are the same wherever salt and key are. */
  derive(salt: Buffer, length: number): Buffer
}

/** Undefined if there is no such file: then nobody can announce anything either. */
export function readFleetKey(folder: string): FleetKey | undefined {
  let secret: Buffer
  try {
    secret = readFileSync(resolve(folder, registrationFiles.key))
  } catch {
    return undefined
  }
  const sealing = Buffer.from(hkdfSync('sha256', secret, '', 'gatehouse fleet', 32))
  const hiding = Buffer.from(hkdfSync('sha256', secret, '', 'gatehouse certificates', 32))
  const proofOf = (context: string, text: string): string =>
    createHmac('sha256', sealing).update(`${context}\0${text}`).digest('base64url')
  return {
    seal: (context, text) => `${proofOf(context, text)} ${text}`,
    open(context, sealed) {
      const text = sealed.slice(proofLength + 1)
      const given = Buffer.from(sealed.slice(0, proofLength))
      const right = Buffer.from(proofOf(context, text))
      return given.length === right.length && timingSafeEqual(given, right) ? text : undefined
    },
    encrypt(context, text) {
      // Random, as no two proxies can count together. That is good for 2³² of them (NIST SP 800-38D §8.3).
      const nonce = randomBytes(nonceLength)
      const cipher = createCipheriv('aes-256-gcm', hiding, nonce).setAAD(Buffer.from(context))
      const hidden = [cipher.update(text, 'utf8'), cipher.final()]
      return Buffer.concat([nonce, cipher.getAuthTag(), ...hidden]).toString('base64')
    },
    decrypt(context, encrypted) {
      const bytes = Buffer.from(encrypted, 'base64')
      const start = nonceLength + tagLength
      if (bytes.length < start) return undefined
      const options = { authTagLength: tagLength }
      const decipher = createDecipheriv('aes-256-gcm', hiding, bytes.subarray(0, nonceLength), options)
      decipher.setAAD(Buffer.from(context)).setAuthTag(bytes.subarray(nonceLength, start))
      try {
        return Buffer.concat([decipher.update(bytes.subarray(start)), decipher.final()]).toString('utf8')
      } catch {
        return undefined
      }
    },
    derive: (salt, length) => Buffer.from(hkdfSync('sha256', secret, salt, 'gatehouse tickets', length)),
  }
}

/** 32 bytes in base64url. */
const proofLength = 43
/** Bytes, as AES-GCM has them. */
const nonceLength = 12
const tagLength = 16
