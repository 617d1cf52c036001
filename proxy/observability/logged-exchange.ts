import { type FileHandle, open } from 'node:fs/promises'

/** One line of the JSON access log, as `line-json.ts` writes it, as far as others read it back. */
export interface LoggedExchange {
  /** When it ended, in Unix seconds. */
  readonly ts: number
  readonly request: {
    readonly remote_ip: string
    readonly client_ip: string
    readonly proto: string
    readonly method: string
    readonly host: string
    readonly uri: string
    readonly headers: Readonly<Record<string, readonly string[]>>
    readonly tls?: unknown
  }
  readonly status: number
  /** Whom a policy took the client for; empty if nobody. */
  readonly user_id?: string
  /** Seconds. */
  readonly duration?: number
  readonly entrypoint: string
  readonly decision: 'allow' | 'deny' | 'error'
  readonly router?: string
  readonly rule?: string
  readonly upstream_status?: number
  readonly deny_policy?: string
  readonly deny_reason?: string
  readonly observed?: readonly { readonly policy: string; readonly reason: string }[]
  readonly error?: string
  readonly detail?: string
  readonly request_id?: string
  /** Written without header fields, because the line was too long. */
  readonly shortened?: boolean
}

/** Answers undefined for a line that is none of ours, such as one that was cut by a full disk. */
export function parseLoggedExchange(line: string): LoggedExchange | undefined {
  try {
    const value = JSON.parse(line) as LoggedExchange
    const { request } = value
    const isOurs = typeof request?.uri === 'string' && typeof value.entrypoint === 'string'
    return isOurs && typeof request.client_ip === 'string' && typeof value.ts === 'number' ? value : undefined
  } catch {
    return undefined
  }
}

/**
 * The lines of a file from its last to its first. It is read in pieces from its end, so that the last thousand lines
 * of a large file cost a thousand lines.
 */
export async function* linesFromEnd(path: string): AsyncGenerator<string> {
  const file = await open(path, 'r')
  try {
    for await (const { line } of placesFromEnd(file, (await file.stat()).size)) yield line.toString('utf8')
  } finally {
    await file.close()
  }
}

/** A line that is not empty, and the byte of the file that it begins with. Its bytes are good until the next is asked for. */
export interface PlacedLine {
  readonly line: Buffer
  readonly offset: number
}

export async function* placesFromEnd(file: FileHandle, size: number): AsyncGenerator<PlacedLine> {
  const buffer = Buffer.alloc(piece)
  let end = size
  // Bytes, because a piece may begin within a character.
  let rest: Buffer = Buffer.alloc(0)
  while (end > 0) {
    const start = Math.max(0, end - piece)
    const { bytesRead } = await file.read(buffer, 0, end - start, start)
    const text = Buffer.concat([buffer.subarray(0, bytesRead), rest])
    end = start
    let until = text.length
    for (;;) {
      const before = until === 0 ? -1 : text.lastIndexOf(10, until - 1)
      // What stands before the first line break of a piece goes on in the piece before it.
      if (before === -1) break
      if (before + 1 < until) yield { line: text.subarray(before + 1, until), offset: start + before + 1 }
      until = before
    }
    rest = Buffer.from(text.subarray(0, until))
  }
  if (rest.length > 0) yield { line: rest, offset: 0 }
}

// --- internal ---

const piece = 256 * 1024
