import { readFile } from 'node:fs/promises'
import { crc32 } from 'node:zlib'

export interface Journal {
  /** The count so far. */
  readonly visits: number
  /** In the order in which they were counted. */
  readonly entries: readonly { readonly id: string; readonly number: number }[]
  /** How many lines could not be read. */
  readonly spoilt: number
}

/** Stands where a request's id would: the count so far. */
export const countLine = '-'

/** A visit: its number, its request, and a checksum over both. */
export function lineOf(number: number, id: string): string {
  const entry = `${number} ${id}`
  return `${entry} ${crc32(entry).toString(16)}\n`
}

/**
 * Reads what is whole of a journal; one that is not there is an empty one. Throws where nothing of it is whole: no crash
 * leaves that behind, and to count from one again is not ours to decide.
 */
export async function readJournal(path: string): Promise<Journal> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return ''
    throw error
  })
  let visits = 0
  let spoilt = 0
  let isKnown = false
  const entries: { id: string; number: number }[] = []
  for (const line of text.split('\n')) {
    if (line === '') continue
    const [, entry, number, id, sum] = /^((\d{1,16}) (\S+)) ([0-9a-f]{1,8})$/.exec(line) ?? []
    if (entry === undefined || id === undefined || crc32(entry).toString(16) !== sum) {
      spoilt++
      continue
    }
    isKnown = true
    visits = Math.max(visits, Number(number))
    if (id !== countLine) entries.push({ id, number: Number(number) })
  }
  if (spoilt > 0 && !isKnown)
    throw new Error(`${path} cannot be read; put back a copy of it, or take it away to count from one again`)
  return { visits, entries, spoilt }
}
