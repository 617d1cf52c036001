import { existsSync } from 'node:fs'
import { followFile } from './followed-file.ts'

/**
 * Follows a file of ids that hold no longer, one a line, `#` begins a comment. It need not exist yet: the first who is
 * to be kept out makes it. Answers what stands in it. A file that cannot be read any more keeps out whom it kept out
 * before.
 */
export function followRevokedIds(
  path: string,
  onBroken: (message: string) => void,
): () => ReadonlySet<string> {
  let ids: (() => ReadonlySet<string>) | undefined
  let lookedAt = Number.NEGATIVE_INFINITY

  return function revoked() {
    const now = performance.now()
    if (ids === undefined && now - lookedAt >= lookEvery) {
      lookedAt = now
      if (existsSync(path)) ids = followFile(path, { parse: readIds, onBroken, lookEvery })
    }
    return ids?.() ?? nobody
  }
}

// --- internal ---

const nobody: ReadonlySet<string> = new Set()
/** Milliseconds that somebody who was put out may still get in. */
const lookEvery = 500

function readIds(content: Buffer): ReadonlySet<string> {
  const lines = content.toString().split('\n')
  return new Set(lines.map((line) => line.replace(/#.*/, '').trim()).filter((line) => line !== ''))
}
