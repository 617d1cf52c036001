import type { Matcher } from './caddyfile-matchers.ts'
import type { CaddyLine } from './caddyfile-syntax.ts'
import { closedUntilDecided, closeRoute } from './guards.ts'
import {
  type Imported,
  type ImportedRoute,
  passwordsOf,
  removeField,
  setField,
  upstreamOf,
} from './imported.ts'

/** What single directives of a Caddyfile say: the upstream of a proxy, passwords, fields. */

/** Where a directive stands, as far as it matters to what it says. */
export interface Around {
  readonly imported: Imported
  readonly matchers: ReadonlyMap<string, Matcher>
}

/** The upstream of `reverse_proxy`, by name. The Host that it is sent is written to the route. */
export function proxyTarget(
  line: CaddyLine,
  args: readonly string[],
  route: ImportedRoute,
  { imported }: Pick<Around, 'imported'>,
): string {
  const more: Record<string, unknown> = {}
  const written = [...args]
  let isTls = false
  for (const inner of line.block ?? []) {
    const [name = '', ...values] = inner.words
    const [first = ''] = values
    if (name === 'to') written.push(...values)
    else if (name === 'lb_policy' && first in balances) more.balance = balances[first]
    else if (name === 'health_uri') more.health = first
    else if (name === 'header_up' && /^host$/i.test(first))
      route.host = /^\{(upstream_hostport|http\.reverse_proxy\.upstream\.hostport)\}$/.test(values[1] ?? '')
        ? 'target'
        : values[1]?.startsWith('{')
          ? undefined
          : values[1]
    else if (name === 'header_up') editField(inner, route, 'request', imported)
    else if (name === 'header_down') editField(inner, route, 'response', imported)
    else if (name === 'transport') isTls = readTransport(inner, more, imported) || isTls
    else if (
      !/^(flush_interval|health_interval|health_timeout|lb_policy)$/.test(name) ||
      name === 'lb_policy'
    )
      leaveOut(imported, inner, 'has no counterpart in an upstream here')
  }
  const targets = written.map(targetOf).map((target) => (isTls ? target.replace(/^http:/, 'https:') : target))
  return upstreamOf(imported, targets, more)
}

const balances: Readonly<Record<string, string>> = {
  round_robin: 'roundRobin',
  least_conn: 'leastConnections',
  ip_hash: 'client',
  client_ip_hash: 'client',
}

/** `transport http { tls … }`. Answers whether targets are reached by TLS. */
function readTransport(
  { block = [] }: CaddyLine,
  more: Record<string, unknown>,
  imported: Imported,
): boolean {
  let isTls = false
  const tls: Record<string, unknown> = {}
  for (const line of block) {
    const [name = '', value] = line.words
    if (name.startsWith('tls')) isTls = true
    if (name === 'tls_insecure_skip_verify') tls.insecureSkipVerify = true
    else if (name === 'tls_server_name') tls.servername = value
    else if (name === 'tls_trusted_ca_certs') tls.ca = value
    else if (
      !/^(tls|keepalive.*|versions|compression|dial_timeout|read_.*|write_.*|response_header_timeout)$/.test(
        name,
      )
    )
      leaveOut(imported, line, 'has no counterpart in an upstream here')
  }
  if (Object.keys(tls).length > 0) more.tls = tls
  return isTls
}

/** One field that is set, added or taken off. One with placeholders is taken off a request: nobody may make it up. */
function editField(
  { words, line }: CaddyLine,
  route: Pick<ImportedRoute, 'policies'>,
  way: 'request' | 'response',
  imported: Imported,
): void {
  const [, field = '', value = '', replacement] = words
  const name = field.replace(/^[+?>-]/, '')
  if (way === 'request' && /^x-(real-ip|forwarded-(for|proto|host))$/i.test(name)) return
  if (field.startsWith('-')) return removeField(route, way, name)
  if (!value.includes('{') && replacement === undefined) return setField(route, way, name, value)
  const why = 'a field with placeholders is not known beforehand'
  if (way === 'response') return leaveOut(imported, { words, line }, why)
  removeField(route, way, name)
  leaveOut(imported, { words, line }, `${why}: it is taken off, so that no client can make it up`)
}

/** `request_header`: fields of requests. */
export function editRequest(
  line: CaddyLine,
  route: Pick<ImportedRoute, 'policies'>,
  { imported }: Pick<Around, 'imported'>,
): void {
  const isSome = /^[/@]/.test(line.words[1] ?? '')
  const entries = line.block?.map((inner) => ({ ...inner, words: ['', ...inner.words] })) ?? [line]
  for (const entry of entries) {
    if (!isSome) editField(entry, route, 'request', imported)
    else {
      // It comes from some clients alone, and from none here.
      removeField(route, 'request', (entry.words[2] ?? '').replace(/^[+?>-]/, ''))
      leaveOut(imported, line, 'give the route of that path its own `headers`')
    }
  }
}

function targetOf(address: string): string {
  if (/^unix\//.test(address)) return `unix:${address.slice('unix/'.length)}`
  if (/^https?:\/\//.test(address)) return address
  return `http://${address.startsWith(':') ? `127.0.0.1${address}` : address}`
}

/** Users within the Caddyfile become a password file: their bcrypt hashes stay good. */
export function askForPasswords(
  line: CaddyLine,
  policies: Record<string, unknown>,
  { imported, matchers }: Around,
): void {
  const users = (line.block ?? []).flatMap(({ words: [user = '', hash = ''] }) => {
    // Older ones write the hash in Base64.
    const plain = hash.startsWith('$') ? hash : Buffer.from(hash, 'base64').toString()
    return plain.startsWith('$2') ? [`${user}:${plain}`] : []
  })
  const matcher = line.words.find((word) => /^[/@*]/.test(word))
  if (users.length === 0 || users.length !== line.block?.length) {
    leaveOut(imported, line, `its hashes are none of bcrypt: ${closedUntilDecided}`)
    closeRoute({ policies })
    return
  }
  if (matcher !== undefined && matcher !== '*')
    leaveOut(
      imported,
      line,
      `all around is asked for the password, not only ${matchers.get(matcher)?.paths?.join(' ') ?? matcher}: give that path a route of its own`,
    )
  policies.basicAuth = { users: passwordsOf(imported, users), realm: 'restricted' }
}

/** `header`: fields of responses that are set or taken off. */
export function addHeaders(
  line: CaddyLine,
  policies: Record<string, unknown>,
  { imported }: Pick<Around, 'imported'>,
): void {
  const own = line.words.slice(1)
  const entries = line.block?.map(({ words, line: at }) => ({ words, at })) ?? [{ words: own, at: line.line }]
  const isSome = /^[/@]/.test(own[0] ?? '')
  for (const { words, at } of entries) {
    const [field = '', value] = words
    const leave = (why: string): void => void imported.leftOut.push({ line: at, text: words.join(' '), why })
    if (isSome || /^[/@]/.test(field)) leave('give the route of that path its own `headers`')
    else if (field.startsWith('-')) removeField({ policies }, 'response', field.slice(1))
    else if (value !== undefined && !value.includes('{') && words.length === 2)
      setField({ policies }, 'response', field.replace(/^[+?>]/, ''), value)
    else leave('a field with placeholders is not known beforehand')
  }
}

export function leaveOut(imported: Imported, { words, line }: CaddyLine, why: string): void {
  imported.leftOut.push({ line, text: words.join(' '), why })
}
