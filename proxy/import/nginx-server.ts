import { closeRoute } from './guards.ts'
import { type Imported, type ImportedRoute, listenerOf, setListener } from './imported.ts'
import { leaveOut } from './nginx-site.ts'
import type { Directive } from './nginx-syntax.ts'

/** What a `server` says of its listeners, names and certificates. */

/** Where requests of a server come in, and under which names. */
export interface Door {
  /** Empty: whatever name no other server has. */
  readonly hosts: readonly string[]
  readonly listeners: readonly string[]
}

/** The listeners of a server, opened, and which of them it is the default of. */
export function openListeners(
  block: readonly Directive[],
  imported: Imported,
  defaults: Map<string, Directive>,
  server: Directive,
): { listeners: string[]; isDefault: boolean } {
  const listens = block.filter(({ name }) => name === 'listen')
  const asked = listens.length > 0 ? listens : [{ name: 'listen', args: ['80'], line: server.line }]
  const listeners = new Set<string>()
  let isDefault = false
  for (const listen of asked) {
    const address = readListen(listen)
    if (address === undefined) {
      leaveOut(imported, listen, 'a listener is a port here, on an address or on all')
      continue
    }
    const name = listenerOf(imported, address.port, address.tls, address.host)
    listeners.add(name)
    if (listen.args.includes('proxy_protocol')) setListener(imported, name, { proxyProtocol: true })
    if (listen.args.some((word) => /^default(_server)?$/.test(word))) defaults.set(name, server)
    else if (!defaults.has(name)) defaults.set(name, server)
    if (defaults.get(name) === server) isDefault = true
  }
  return { listeners: [...listeners], isDefault }
}

/** The names of a server as hosts here; undefined where all of them are patterns. */
export function hostsOf(
  block: readonly Directive[],
  imported: Imported,
  server: Directive,
): string[] | undefined {
  const names = block.filter(({ name }) => name === 'server_name').flatMap(({ args }) => args)
  const real = names.filter((name) => name !== '_' && name !== '')
  const hosts = real.flatMap((name) => {
    if (name.startsWith('~') || /\*$/.test(name) || name.startsWith('$')) {
      leaveOut(imported, { ...server, args: [name] }, 'hosts are names, or *. and a name')
      return []
    }
    return name.startsWith('.') ? [name.slice(1), `*${name}`] : [name]
  })
  return hosts.length === 0 && real.length > 0 ? undefined : hosts
}

/** Pairs of certificates, and the oldest TLS that is spoken. */
export function readCertificates(rules: readonly Directive[], imported: Imported): void {
  const find = (wanted: string) => rules.filter(({ name }) => name === wanted)
  const keys = find('ssl_certificate_key')
  for (const [index, { args }] of find('ssl_certificate').entries()) {
    const [cert] = args
    const key = keys[index]?.args[0]
    if (cert === undefined || key === undefined || `${cert}${key}`.includes('$')) continue
    if (!imported.certificates.some((pair) => pair.cert === cert)) imported.certificates.push({ cert, key })
  }
  const protocols = find('ssl_protocols').at(-1)?.args
  if (protocols?.length === 1 && protocols[0] === 'TLSv1.3') imported.minVersion = 'TLSv1.3'
}

/**
 * `ssl_verify_client`: of a listener here, and so of all its hosts. Answers whether it could be said: a listener believes
 * one authority, and who is sent by another one's would pass.
 */
export function askForCertificates(
  rules: readonly Directive[],
  listeners: readonly string[],
  imported: Imported,
): boolean {
  const asks = rules.findLast(({ name }) => name === 'ssl_verify_client')
  const ca = rules.findLast(({ name }) => name === 'ssl_client_certificate')?.args[0]
  if (asks === undefined || asks.args[0] === 'off') return true
  if (ca === undefined || asks.args[0] === 'optional_no_ca') {
    leaveOut(imported, asks, `which authority is believed is not said: ${closed}`)
    return false
  }
  const clientCertificates = { ca, require: asks.args[0] === 'on' }
  for (const name of listeners) {
    const listener = imported.listeners.get(name)
    if (!listener?.tls) continue
    const { clientCertificates: others } = listener
    if (others !== undefined && (others.ca !== ca || others.require !== clientCertificates.require)) {
      leaveOut(
        imported,
        asks,
        `a listener asks all its hosts alike, and ${name} asks by ${others.ca} already: ${closed}`,
      )
      return false
    }
    setListener(imported, name, { clientCertificates })
  }
  return true
}

/** `set_real_ip_from`: those in front, whose word about the client is believed. */
export function trustProxies(
  rules: readonly Directive[],
  own: readonly Directive[],
  { imported, isOneOfMany }: { imported: Imported; isOneOfMany: boolean },
): void {
  for (const rule of rules) {
    const [value = ''] = rule.args
    if (rule.name === 'set_real_ip_from' && value !== 'unix:') {
      if (isOneOfMany && own.includes(rule))
        leaveOut(imported, rule, 'it is believed about the clients of all hosts here, not only of this one')
      imported.trustedProxies.add(value)
    }
    if (rule.name === 'real_ip_header' && !/^(x-forwarded-for|proxy_protocol)$/i.test(value))
      leaveOut(imported, rule, 'of those in front, X-Forwarded-For is read here: see that they send it')
  }
}

/** `return 301 https://$host$request_uri`, by itself or within an `if` that asks for a name of the server or for the scheme. */
export function leadsToHttps({ name, args, block = [] }: Directive, hosts: readonly string[]): boolean {
  if (name === 'if')
    return (
      /^\((\$host|\$scheme|\$https|\$server_port)$/.test(args[0] ?? '') &&
      block.length === 1 &&
      block.some((rule) => leadsToHttps(rule, hosts))
    )
  // As it was written before there was `return`.
  const isRewrite = name === 'rewrite' && /^\^(\/?\(\.\*\)\$?)?$/.test(args[0] ?? '')
  const target = isRewrite && /^(permanent|redirect)$/.test(args[2] ?? '') ? args[1] : args.at(-1)
  const [, host = ''] =
    /^https:\/\/([^/]+?)(?:\$request_uri\??|\$uri\$is_args\$args|\/?\$1)$/.exec(target ?? '') ?? []
  if ((name !== 'return' && !isRewrite) || host === '') return false
  if (/^\$(host|server_name|http_host)$/.test(host)) return true
  return hosts.length > 0 && hosts.every((other) => other === host)
}

/** Sends what no route of these listeners serves to TLS. Answers the listeners that are left. */
export function redirectToHttps(listeners: readonly string[], imported: Imported): string[] {
  const https = listeners.find((name) => imported.listeners.get(name)?.tls) ?? listenerOf(imported, 443, true)
  return listeners.filter((name) => {
    if (imported.listeners.get(name)?.tls) return true
    setListener(imported, name, { redirect: https })
    return false
  })
}

export function closeAll(routes: readonly ImportedRoute[]): void {
  for (const route of routes) closeRoute(route)
}

// --- internal ---

const closed = 'its routes are closed: write who may pass, and remove their `deny`'

/** `8080`, `10.0.0.1:443 ssl`, `[::1]:80`, `*:80`, `10.0.0.1`; undefined for sockets and for HTTP/3. */
function readListen({ args }: Directive): { port: number; host?: string; tls: boolean } | undefined {
  const [address = ''] = args
  if (address.startsWith('unix:') || args.includes('quic') || address.includes('$')) return undefined
  const [, host, port] =
    /^(?:(\[[0-9A-Fa-f:.]*\]|[^:[\]]*):)?(\d+)$/.exec(address) ??
    /^(\[[0-9A-Fa-f:.]*\]|[^:[\]]+)()$/.exec(address) ??
    []
  if (host === undefined && port === undefined) return undefined
  const number = port ? Number(port) : 80
  const bare = host?.replace(/^\[|\]$/g, '')
  const isAll = bare === undefined || ['', '*', '0.0.0.0', '::'].includes(bare)
  return {
    port: number,
    ...(isAll ? {} : { host: bare === 'localhost' ? '127.0.0.1' : bare }),
    tls: args.includes('ssl') || number === 443,
  }
}
