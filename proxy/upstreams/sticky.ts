import { createHmac } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { StickyConfig } from '../config/upstream-schema.ts'
import type { Target } from './target.ts'

/** The cookie by which a client comes back to the target that answered it first. */
export interface Sticky {
  /** The target that the cookie names, if it is one of ours. `fields`: over HTTP/2 each cookie may have its own (RFC 9113 §8.2.3). */
  targetOf(fields: readonly string[]): Target | undefined
  add(target: Target): void
  remove(target: Target): void
  /** The value of Set-Cookie that brings a client back to this target. */
  cookieFor(target: Target, secure: boolean): string
}

/**
 * The cookie holds a keyed digest of the target's name and nothing else: a client can neither read where it is nor
 * write where it would like to be, and every proxy with the same key understands it.
 */
export function createSticky(
  { cookie, key, ttl }: StickyConfig,
  folder: string,
  env: NodeJS.ProcessEnv,
): Sticky {
  const secret = readSecret(key, folder, env)
  const marks = new Map<string, Target>()
  const markOf = ({ name }: Target): string =>
    createHmac('sha256', secret).update(name).digest('base64url').slice(0, markLength)
  const lasts = ttl === undefined ? '' : `; Max-Age=${Math.ceil(ttl / 1000)}`
  const start = `${cookie}=`

  return {
    targetOf(fields) {
      for (const field of fields)
        for (const part of field.split(';')) {
          const pair = part.trim()
          if (pair.startsWith(start)) return marks.get(pair.slice(start.length))
        }
      return undefined
    },
    add: (target) => void marks.set(markOf(target), target),
    remove(target) {
      const mark = markOf(target)
      if (marks.get(mark) === target) marks.delete(mark)
    },
    cookieFor: (target, secure) =>
      `${start}${markOf(target)}; Path=/; HttpOnly; SameSite=Lax${secure ? '; Secure' : ''}${lasts}`,
  }
}

/** 132 bits. */
const markLength = 22

/** Throws a sentence if there is none, or one that could be guessed. */
function readSecret(key: string, folder: string, env: NodeJS.ProcessEnv): string {
  const secret = key.startsWith('env:')
    ? (env[key.slice('env:'.length)] ?? '')
    : readFileSync(resolve(folder, key), 'utf8').trim()
  if (secret.length < 32) throw new Error(`sticky.key: ${key} has less than 32 characters`)
  return secret
}
