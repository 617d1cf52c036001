/** What went wrong with Docker, as its user reads it. */
export interface Trouble {
  readonly kind: 'away' | 'image missing' | 'port taken' | 'name taken' | 'disk full' | 'gone' | 'other'
  /** A sentence that says what to do. */
  readonly sentence: string
}

/** Reads an error of dockerode: Docker's own answer, or that nobody answered. Never throws. */
export function readTrouble(error: unknown, image = 'of this desktop'): Trouble {
  const {
    statusCode,
    code,
    json,
    message = String(error),
  } = (error ?? {}) as {
    statusCode?: number
    code?: string
    json?: { message?: string }
    message?: string
  }
  const said = json?.message ?? message
  if (statusCode === undefined && (code !== undefined || /socket hang up|timed? ?out/i.test(said)))
    return {
      kind: 'away',
      sentence: `Docker does not answer (${code ?? said}). It is tried again on its own.`,
    }
  if (/no space left on device/i.test(said))
    return {
      kind: 'disk full',
      sentence: 'The disk of the Docker host is full. Ask an operator to make room on it.',
    }
  if (/port is already allocated|address already in use/i.test(said))
    return { kind: 'port taken', sentence: 'Another program took the port; the next one is tried.' }
  if (/no such image|manifest unknown|pull access denied|repository does not exist/i.test(said))
    return {
      kind: 'image missing',
      sentence: `The Docker host has no image ${image} and cannot get it. An operator can: docker pull, or docker build.`,
    }
  if (statusCode === 409 && /already in use by container/i.test(said))
    return { kind: 'name taken', sentence: 'Another container has its name; it gets another.' }
  if (statusCode === 404) return { kind: 'gone', sentence: 'The container is not there any more.' }
  return { kind: 'other', sentence: `Docker says: ${said.slice(0, 300)}` }
}
