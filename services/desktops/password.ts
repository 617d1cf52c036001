import { createHash, createHmac } from 'node:crypto'
import type { Desktop } from './desktops.ts'

type Of = Pick<Desktop, 'id' | 'generation'>

/**
 * The password of a container, worked out anew whenever it is needed and so kept nowhere: another one for each start,
 * and known to nobody who does not have the key.
 */
export function passwordOf({ id, generation }: Of, key: string): string {
  return createHmac('sha256', key)
    .update(`password of desktop ${id} ${generation}`)
    .digest('base64url')
    .slice(0, 32)
}

/** Tells passwords apart without telling them: a container that has another mark was made for another start. */
export function markOf(desktop: Of, key: string): string {
  return createHash('sha256').update(passwordOf(desktop, key)).digest('hex').slice(0, 16)
}
