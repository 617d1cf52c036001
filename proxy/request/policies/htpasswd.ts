import { type PasswordHash, parsePasswordHash } from './password-hash.ts'

/**
 * Reads an htpasswd file: `name:hash` a line, blank lines and lines that begin with `#` left out. Throws one
 * error that names every bad line as `file:line`. It quotes names, never what stands behind the colon, and
 * nothing at all of a line without one: either may be a password.
 */
export function parseHtpasswd(content: Buffer, file: string): Map<string, PasswordHash> {
  const users = new Map<string, PasswordHash>()
  const problems: string[] = []
  for (const [index, line] of decode(content, file).split(/\r?\n/).entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue
    try {
      const { name, hash } = readLine(line, file)
      if (users.has(name)) throw new Error(`"${name}" stands here a second time; remove one of the two lines`)
      users.set(name, hash)
    } catch (error) {
      problems.push(`${file}:${index + 1}: ${(error as Error).message}`)
    }
  }
  if (problems.length > 0) throw new Error(problems.join('\n'))
  if (users.size === 0)
    throw new Error(`${file} holds no user; \`gatehouse hash NAME --file ${file}\` adds one`)
  return users
}

/** Whether RFC 7617 §2 allows it as a name: no colon, no control characters. Also short enough for a log line. */
export function isUserName(name: string): boolean {
  return name !== '' && name.length <= 255 && !name.includes(':') && !hasControlCharacters(name)
}

export function hasControlCharacters(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it looks for
  return /[\0-\x1f\x7f]/.test(text)
}

function readLine(line: string, file: string): { name: string; hash: PasswordHash } {
  const colon = line.indexOf(':')
  if (colon === -1) throw new Error('is no line of the form name:hash')
  // NFC is what RFC 7617 §2.1 has clients send.
  const name = line.slice(0, colon).normalize('NFC')
  if (!isUserName(name)) throw new Error('has no name, or one with control characters')
  // Apache ends the hash at a further colon, and some tools keep a comment there.
  const [text = ''] = line.slice(colon + 1).split(':')
  try {
    return { name, hash: parsePasswordHash(text.trim()) }
  } catch (error) {
    throw new Error(
      `the password of "${name}" ${(error as Error).message}; make the line anew with \`gatehouse hash ${name} --file ${file}\``,
    )
  }
}

function decode(content: Buffer, file: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(content)
  } catch {
    throw new Error(`${file} is not UTF-8 text`)
  }
}
