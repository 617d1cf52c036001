import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { registrationFiles } from '../config/registration-files.ts'

/**
 * What the proxies of a fleet know and Redis does not: the key of registration, which is the same file on all of
 * their machines, because a token must hold on each of them. Whoever may only write to Redis can neither name a
 * target nor read a TLS session.
 */
export interface FleetKey {
  /** The text with a proof that a proxy of this fleet wrote it, as `context`. */
  seal(context: string, text: string): string
  /** The text of a sealed one, or undefined. */
  open(context: string, sealed: string): string | undefined
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
    derive: (salt, length) => Buffer.from(hkdfSync('sha256', secret, salt, 'gatehouse tickets', length)),
  }
}

/** 32 bytes in base64url. */
const proofLength = 43
