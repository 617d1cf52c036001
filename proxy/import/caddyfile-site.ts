import { leaveOut } from './caddyfile-directives.ts'
import type { CaddyLine } from './caddyfile-syntax.ts'
import { closedUntilDecided } from './guards.ts'
import { type Imported, listenerOf, setListener } from './imported.ts'

/** What a site says of its addresses and certificates, and the file of all sites. */

/** What holds for all sites of the file. */
export interface Global {
  readonly email: string | undefined
  /** Whether plain HTTP leads to HTTPS without a word about it. */
  readonly redirects: boolean
  readonly address: string | undefined
}

/** The options at the head of the file. */
export function readGlobal(first: CaddyLine | undefined, imported: Imported): Global {
  const lines = first?.block ?? []
  const valueIn = (name: string): string | undefined => lines.find(({ words }) => words[0] === name)?.words[1]
  for (const line of lines) {
    const [name = ''] = line.words
    if (name === 'servers') {
      for (const { words } of line.block ?? [])
        if (words[0] === 'trusted_proxies')
          for (const network of words.slice(2))
            for (const one of network === 'private_ranges' ? privateRanges : [network])
              imported.trustedProxies.add(one)
      const others = line.block?.filter(
        ({ words }) => !/^(trusted_proxies|protocols|timeouts|metrics|log_credentials)$/.test(words[0] ?? ''),
      )
      for (const other of others ?? []) leaveOut(imported, other, 'has no counterpart here')
    } else if (!known.test(name)) leaveOut(imported, line, 'has no counterpart here')
  }
  return {
    email: valueIn('email'),
    redirects: !/^(off|disable_redirects)$/.test(valueIn('auto_https') ?? ''),
    address: valueIn('default_bind'),
  }
}

/** Opens the listeners of a site's addresses; undefined where none is one. */
export function openSite(
  site: CaddyLine,
  imported: Imported,
  global: Global,
): { hosts: string[]; listeners: string[] } | undefined {
  const addresses = site.words.map((word) => word.replace(/,$/, '')).filter((word) => word !== '')
  const block = site.block ?? []
  const binds = block.filter(({ words }) => words[0] === 'bind').flatMap(({ words }) => words.slice(1))
  const bound = (binds.length > 0 ? binds : [global.address]).map((address) =>
    address === undefined || /^(0\.0\.0\.0|\[?::\]?)$/.test(address)
      ? undefined
      : address.replace(/^\[|\]$/g, ''),
  )
  const hosts = new Set<string>()
  const listeners = new Set<string>()
  let isSecure = false
  for (const address of addresses) {
    const [, scheme, host = '', port, path = ''] =
      /^(?:(https?):\/\/)?((?:\$\{[^}]*\}|[^:/])*)(?::(\d+))?(\/.*)?$/.exec(address) ?? []
    if (host === '' && port === undefined && scheme === undefined) {
      leaveOut(imported, { words: [address], line: site.line }, 'it is neither a host nor a port')
      continue
    }
    if (path !== '' && path !== '/') {
      leaveOut(
        imported,
        { words: [address], line: site.line },
        'an address is a host and a port here; write its path as a route',
      )
      continue
    }
    const tls = scheme === 'https' || (scheme !== 'http' && port !== '80' && host !== '')
    const number = port === undefined ? (tls ? 443 : 80) : Number(port)
    isSecure ||= tls
    if (host !== '') hosts.add(host)
    for (const own of bound) listeners.add(listenerOf(imported, number, tls, own))
  }
  if (listeners.size === 0) return undefined
  const tls = block.find(({ words }) => words[0] === 'tls')
  if (tls?.words.length === 3)
    imported.certificates.push({ cert: tls.words[1] ?? '', key: tls.words[2] ?? '' })
  else if (isSecure && tls?.words[1] !== 'internal')
    imported.automatic ??= global.email ?? tls?.words[1] ?? 'you@example.com'
  // Caddy sends plain HTTP to HTTPS by itself.
  if (isSecure && global.redirects)
    for (const own of bound)
      setListener(imported, listenerOf(imported, 80, false, own), { redirect: 'https' })
  return { hosts: [...hosts], listeners: [...listeners] }
}

/** `tls { client_auth { … } }`: of a listener here. Answers whether it could be said. */
export function askForCertificates(
  block: readonly CaddyLine[],
  listeners: readonly string[],
  imported: Imported,
): boolean {
  const inner = block.filter(({ words }) => words[0] === 'tls').flatMap(({ block: lines = [] }) => lines)
  for (const line of inner) {
    const [name = '', first] = line.words
    if (name === 'protocols' && first === 'tls1.3') imported.minVersion = 'TLSv1.3'
    else if (!/^(client_auth|protocols|ciphers|curves|alpn)$/.test(name))
      leaveOut(imported, line, 'certificates are got by `tls.automatic` here')
  }
  const asks = inner.find(({ words }) => words[0] === 'client_auth')
  if (asks === undefined) return true
  const lines = asks.block ?? []
  const mode = lines.find(({ words }) => words[0] === 'mode')?.words[1] ?? 'require_and_verify'
  const cas = lines
    .filter(({ words }) => /^trusted_ca_cert_file$/.test(words[0] ?? ''))
    .map(({ words }) => words[1] ?? '')
  const [ca = ''] = cas
  const isOther = listeners.some((name) => {
    const other = imported.listeners.get(name)?.clientCertificates
    return other !== undefined && other.ca !== ca
  })
  const isKnown = lines.every(({ words }) => /^(mode|trusted_ca_cert_file)$/.test(words[0] ?? ''))
  if (mode !== 'require_and_verify' || cas.length !== 1 || isOther || !isKnown) {
    leaveOut(
      imported,
      asks,
      `a listener asks all its hosts alike, by the authority of one file: ${closedUntilDecided}`,
    )
    return false
  }
  for (const name of listeners) setListener(imported, name, { clientCertificates: { ca, require: true } })
  return true
}

// --- internal ---

const known =
  /^(email|auto_https|admin|debug|log|storage|storage_clean_interval|order|skip_install_trust|local_certs|acme_ca|acme_ca_root|acme_eab|key_type|grace_period|shutdown_delay|renew_interval|ocsp_stapling|persist_config|default_bind|default_sni|pki|cert_issuer|metrics)$/

const privateRanges = ['192.168.0.0/16', '172.16.0.0/12', '10.0.0.0/8', '127.0.0.0/8', 'fd00::/8', '::1']
