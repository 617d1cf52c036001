import { type FileHandle, open } from 'node:fs/promises'

/** One line of the JSON access log, as `line-json.ts` writes it, as far as others read it back. */
export interface LoggedExchange {
  /** Unix seconds. */
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
    yield* linesOf(file, (await file.stat()).size)
  } finally {
    await file.close()
  }
}

// --- internal ---

const piece = 256 * 1024

async function* linesOf(file: FileHandle, size: number): AsyncGenerator<string> {
  const buffer = Buffer.alloc(piece)
  let end = size
  // Bytes, because a piece may begin within a character.
  let rest: Buffer = Buffer.alloc(0)
  while (end > 0) {
    const start = Math.max(0, end - piece)
    const { bytesRead } = await file.read(buffer, 0, end - start, start)
    const text = Buffer.concat([buffer.subarray(0, bytesRead), rest])
    end = start
    const from = start === 0 ? 0 : text.indexOf(10) + 1
    if (start > 0 && from === 0) {
      rest = text
      continue
    }
    const lines = text.subarray(from).toString('utf8').split('\n')
    for (let at = lines.length - 1; at >= 0; at--) if (lines[at] !== '') yield lines[at] as string
    rest = Buffer.from(text.subarray(0, from))
  }
}
