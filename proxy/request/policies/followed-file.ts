import { closeSync, fstatSync, openSync, readFileSync, statSync } from 'node:fs'

export interface FollowOptions<T> {
  /** Makes something of the content, or throws a sentence that a person can act on. */
  parse(content: Buffer): T
  /** Told once for each version that cannot be used; the last good one stays in force. */
  onBroken(message: string): void
  /** How to mend it if there is no such file. */
  mend?: string
  /** Milliseconds between looks at the file. */
  lookEvery?: number
}

/**
 * Reads a small file of users or keys at once, and again when it has changed. Answers a function that gives
 * what was last made of it. Throws if the first reading fails: a route without its keys is no route.
 *
 * It looks when it is asked, and then at most once a second: one `stat` of a local file costs less than the
 * bookkeeping of a watcher, works on every file system, and leaves nothing to close when the table is
 * swapped. It looks before it answers, so that a removed user is out with the next request.
 */
export function followFile<T>(path: string, options: FollowOptions<T>): () => T {
  const { parse, onBroken, mend, lookEvery = 1000 } = options
  let { version, content } = read(path, mend)
  let current = parse(content)
  let lookedAt = performance.now()

  return function latest(): T {
    const now = performance.now()
    if (now - lookedAt < lookEvery) return current
    lookedAt = now
    try {
      const stat = statSync(path, { bigint: true, throwIfNoEntry: false })
      if (stat !== undefined && versionOf(stat) === version) return current
      ;({ version, content } = read(path, mend))
      current = parse(content)
    } catch (error) {
      const isUnreadable = error instanceof UnreadableFile
      if (!isUnreadable || version !== unreadable)
        onBroken(`${(error as Error).message}; what was read before stays in force`)
      if (isUnreadable) version = unreadable
    }
    return current
  }
}

const largest = 1024 * 1024
const unreadable = 'unreadable'

class UnreadableFile extends Error {}

/** The version is taken from the open file, so that it belongs to what is read. */
function read(path: string, mend: string | undefined): { version: string; content: Buffer } {
  let file: number | undefined
  try {
    file = openSync(path, 'r')
    const stat = fstatSync(file, { bigint: true })
    if (stat.size > largest) throw new Error('it is larger than 1MB')
    return { version: versionOf(stat), content: readFileSync(file) }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const why = code === 'ENOENT' ? `there is no such file${mend ? `; ${mend}` : ''}` : message
    throw new UnreadableFile(`${path} cannot be read: ${why}`)
  } finally {
    if (file !== undefined) closeSync(file)
  }
}

/** The time alone would miss a file that was replaced by one of the same age. */
function versionOf(stat: { ino: bigint; size: bigint; mtimeNs: bigint; ctimeNs: bigint }): string {
  return `${stat.ino} ${stat.size} ${stat.mtimeNs} ${stat.ctimeNs}`
}
