import type { Readable, Writable } from 'node:stream'

/** The part of `process.stdin` that is needed; a pipe has no raw mode. */
export type PasswordInput = Readable & { isTTY?: boolean; setRawMode?(on: boolean): unknown }

/** The person pressed Ctrl-C or Ctrl-D. */
export class Cancelled extends Error {}

/**
 * Reads a password: at a terminal twice and without echo, from a pipe the first line. Never from the command
 * line, which every user of the machine can read in the list of processes.
 */
export async function readPassword(input: PasswordInput, prompts: Writable): Promise<string> {
  if (!input.isTTY || input.setRawMode === undefined) return readLine(input)
  // A pasted password may arrive in pieces that end inside a character.
  input.setEncoding('utf8')
  input.setRawMode(true)
  try {
    const first = await askHidden(input, prompts, 'Password: ')
    const second = await askHidden(input, prompts, 'Once more: ')
    if (first !== second) throw new Error('the two passwords differ')
    return first
  } finally {
    input.setRawMode(false)
    input.pause()
  }
}

/** More than this is a file that was piped in by mistake. In bytes. */
const longestLine = 64 * 1024

async function readLine(input: Readable): Promise<string> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of input) {
    const bytes = Buffer.from(chunk)
    length += bytes.length
    if (length > longestLine) throw new Error('what came on standard input is no password')
    chunks.push(bytes)
    if (bytes.includes(0x0a)) break
  }
  const text = new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks))
  return text.split(/\r?\n/, 1)[0] ?? ''
}

/** In raw mode the terminal hands over every key, so the few that edit a line are ours to obey. */
function askHidden(input: Readable, prompts: Writable, question: string): Promise<string> {
  prompts.write(question)
  return new Promise((resolve, reject) => {
    let typed: string[] = []
    const end = (finish: () => void): void => {
      input.off('data', take)
      input.off('end', cancel)
      prompts.write('\n')
      finish()
    }
    const cancel = (): void => end(() => reject(new Cancelled('cancelled')))
    const take = (chunk: Buffer | string): void => {
      for (const key of chunk.toString()) {
        if (key === '\r' || key === '\n') return end(() => resolve(typed.join('')))
        if (key === '\x03' || key === '\x04') return cancel()
        if (key === '\x7f' || key === '\b') typed.pop()
        else if (key === '\x15') typed = []
        else typed.push(key)
      }
    }
    input.on('data', take)
    input.on('end', cancel)
  })
}
