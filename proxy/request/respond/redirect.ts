import { GatehouseError } from '../../errors.ts'
import type { Facts } from '../facts.ts'
import type { ResponseHead } from '../policies/policy.ts'

/** What of an exchange goes into a Location. */
export type Asked = Pick<Facts, 'path' | 'query'>

/**
 * Reads the target of a redirect from routes.yaml once, and answers what builds the Location of each exchange.
 * `{path}` is the canonical path of the request, `{query}` its query with the `?` (or `&`, after a query of the
 * target's own). Throws a sentence that a person can act on.
 *
 * No request can turn the target into another host, nor end the field: `{path}` and `{query}` stand after
 * the host only, what they hold is percent-encoded down to visible ASCII, and a Location that begins
 * with `//` or `/\` (which browsers read as a host) is never built. The attack: `/go//evil.example`.
 */
export function createRedirect(target: string): (asked: Asked) => string {
  const parts = target.split(placeholder)
  const [start = ''] = parts
  const unknown = /\{[^}]*\}?|\}/.exec(target.replace(placeholder, ''))
  if (unknown) throw new Error(`"${target}": ${unknown[0]} is neither {path} nor {query}`)
  if (!visible.test(target)) throw new Error(`"${target}" holds blanks or characters that an address cannot`)
  if (!isAbsolute(start) && !isPath(start, parts[1]))
    throw new Error(`"${target}" is neither a path (/new{path}) nor an address (https://example.com{path})`)
  const fragment = target.indexOf('#')
  if (fragment !== -1 && /[{]/.test(target.slice(fragment)))
    throw new Error(`"${target}": {path} and {query} cannot stand behind #`)

  return function redirect(asked) {
    let location = ''
    for (const part of parts) {
      if (part === '{path}') location = appendPath(location, asked.path)
      else if (part === '{query}') location = appendQuery(location, asked.query)
      else location += part
    }
    return location
  }
}

/** Path and query as a Location that stays on this host. */
export function localLocation(path: string, query: string): string {
  return appendQuery(appendPath('', path), query)
}

/**
 * The same address on the encrypted listener with that port, the one that clients see. 308, so that a POST stays
 * one. Throws `host_invalid` for a host that could not stand in a Location.
 */
export function listenerRedirect(asked: Asked & Pick<Facts, 'host'>, port: number): ResponseHead {
  if (!host.test(asked.host)) throw new GatehouseError('host_invalid', 'no redirect can be made to that host')
  const authority = port === 443 ? asked.host : `${asked.host}:${port}`
  return {
    status: 308,
    headers: { location: `https://${authority}${localLocation(asked.path, asked.query)}` },
  }
}

// --- Internal ---

const placeholder = /(\{path\}|\{query\})/g
const visible = /^[\x21-\x7e]+$/
const host = /^(\[[0-9a-f:.]+\]|[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?)$/

/** `https://host` and what follows; a host that would go on in a placeholder is none. */
function isAbsolute(start: string): boolean {
  if (!/^https?:\/\/[^/?#\\@]+([/?#][^\\]*)?$/i.test(start)) return false
  return URL.canParse(start) && !/:$/.test(start)
}

function isPath(start: string, next: string | undefined): boolean {
  if (start === '') return next === '{path}'
  return /^\/(?![/\\])[^\\]*$/.test(start)
}

function appendPath(location: string, path: string): string {
  const rest = encode(path).replace(/^[/\\]+/, '')
  return location.endsWith('/') ? location + rest : `${location}/${rest}`
}

function appendQuery(location: string, query: string): string {
  if (query === '' || query === '?') return location
  const rest = encode(query).replace(/^\?/, '').replaceAll('#', '%23')
  return `${location}${location.includes('?') ? '&' : '?'}${rest}`
}

/**
 * Everything that is not visible ASCII, and the backslash, which browsers read as a slash. Node hands over the
 * bytes of a request target as characters up to U+00FF: such a character goes back as the byte that it was.
 */
function encode(text: string): string {
  return plain.test(text) ? text : text.replace(/[^\x21-\x7e]|\\/gu, percentEncode)
}

function percentEncode(character: string): string {
  const bytes = Buffer.from(character, character <= '\u00ff' ? 'latin1' : 'utf8')
  return Array.from(bytes, (byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('')
}

const plain = /^[\x21-\x5b\x5d-\x7e]*$/
