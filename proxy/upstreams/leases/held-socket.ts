import { closeSync, openSync, readlinkSync, realpathSync } from 'node:fs'

/** A unix socket that stays the same whatever becomes of its path. */
export interface HeldSocket {
  /** Where it really is, links followed. */
  readonly real: string
  /** What to connect to, as long as it is held. */
  readonly path: string
  release(): void
}

/** Linux: neither read nor write, only hold (open(2), O_PATH). Node has no name for it. */
const holdOnly = 0o10000000

/**
 * Holds the socket at a path. Whoever may write in its folder can put a link in its place between a look at the path and
 * the connection; what is held is not found again by its path. Answers undefined where there is none.
 *
 * Other systems than Linux have no way to connect to what is held: there, links are followed at the look and not again.
 */
export function holdSocket(path: string): HeldSocket | undefined {
  try {
    if (process.platform !== 'linux') {
      const real = realpathSync(path)
      return { real, path: real, release: () => {} }
    }
    const descriptor = openSync(path, holdOnly)
    const held = `/proc/self/fd/${descriptor}`
    return { real: readlinkSync(held), path: held, release: () => closeSync(descriptor) }
  } catch {
    return undefined
  }
}

/** The words of an error of a connection, with the path that people know in place of the held one. */
export function withPath(message: string, path: string | undefined): string {
  return path === undefined ? message : message.replace(/\/proc\/self\/fd\/\d+/, path)
}
