import type { Matcher } from './caddyfile-matchers.ts'
import type { CaddyLine } from './caddyfile-syntax.ts'
import { closedUntilDecided, closeRoute } from './guards.ts'
import { type Imported, type ImportedRoute, passwordsOf, upstreamOf } from './imported.ts'

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
  const targets = args.map(targetOf)
  for (const { words, line: at, block } of line.block ?? []) {
    const [name, ...values] = words
    if (name === 'to') targets.push(...values.map(targetOf))
    else if (name === 'lb_policy')
      more.balance =
        { least_conn: 'leastConnections', ip_hash: 'client', client_ip_hash: 'client' }[values[0] ?? ''] ??
        undefined
    else if (name === 'health_uri') more.health = values[0]
    else if (name === 'header_up' && /^host$/i.test(values[0] ?? ''))
      route.host = values[1]?.startsWith('{') ? 'target' : values[1]
    else if (name === 'header_up' && /^x-(real-ip|forwarded-)/i.test(values[0] ?? '')) continue
    else if (name === 'transport' && block?.some((entry) => entry.words[0] === 'tls_insecure_skip_verify'))
      more.tls = { insecureSkipVerify: true }
    else if (!['flush_interval', 'health_interval', 'health_timeout'].includes(name ?? ''))
      imported.leftOut.push({
        line: at,
        text: words.join(' '),
        why: 'has no counterpart in an upstream here',
      })
  }
  if (more.balance === undefined) delete more.balance
  return upstreamOf(imported, targets, more)
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
  const before = (policies.headers ?? {}) as {
    response?: { set?: Record<string, string>; remove?: string[] }
  }
  const response = { set: { ...before.response?.set }, remove: [...(before.response?.remove ?? [])] }
  for (const { words, at } of entries) {
    const [field = '', value] = words
    if (/^[/@]/.test(field))
      imported.leftOut.push({
        line: at,
        text: words.join(' '),
        why: 'give the route of that path its own `headers`',
      })
    else if (field.startsWith('-')) response.remove.push(field.slice(1))
    else if (value !== undefined && !value.includes('{')) response.set[field.replace(/^[+?>]/, '')] = value
    else
      imported.leftOut.push({
        line: at,
        text: words.join(' '),
        why: 'a field with placeholders is not known beforehand',
      })
  }
  const kept = Object.fromEntries(Object.entries(response).filter(([, each]) => Object.keys(each).length > 0))
  if (Object.keys(kept).length > 0) policies.headers = { ...before, response: kept }
}

export function leaveOut(imported: Imported, { words, line }: CaddyLine, why: string): void {
  imported.leftOut.push({ line, text: words.join(' '), why })
}
