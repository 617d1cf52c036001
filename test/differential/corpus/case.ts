/**
 * One case of the corpus: a few bytes, what is odd about them, and how many requests are in them.
 *
 * `requests` is what a reader that keeps to RFC 9110 and 9112 finds at most; 0 where such a reader has to refuse,
 * or where what is meant is in doubt and refusing is the one safe answer. Bytes are latin1; a number is a pause
 * in milliseconds.
 */
export interface Case {
  readonly name: string
  readonly says: string
  readonly bytes: string | readonly (string | number)[]
  readonly requests: number
}

export type Row = readonly [name: string, says: string, bytes: Case['bytes'], requests?: number]

/** Rows of one group as cases: names get the group in front, and one request is the rule. */
export function group(name: string, rows: readonly Row[]): Case[] {
  return rows.map(([row, says, bytes, requests = 1]) => ({ name: `${name}/${row}`, says, bytes, requests }))
}

/** What an attacker puts where a lenient reader takes it for the next request. */
export const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n'

/** A POST with exactly these field lines, each without its CRLF, and then these bytes. */
export function post(fields: string | readonly string[], body = ''): string {
  return `POST /a HTTP/1.1\r\nHost: localhost\r\n${lines(fields)}\r\n${body}`
}

/** A GET of exactly that target with these field lines after Host. */
export function get(target: string, fields: string | readonly string[] = []): string {
  return `GET ${target} HTTP/1.1\r\nHost: localhost\r\n${lines(fields)}\r\n`
}

function lines(fields: string | readonly string[]): string {
  return [fields]
    .flat()
    .map((line) => `${line}\r\n`)
    .join('')
}
