import { closedUntilDecided } from './guards.ts'
import { type Imported, setListener } from './imported.ts'
import { type Block, block, listOf } from './traefik-syntax.ts'

/** Certificates and TLS options of Traefik's file. */

/** Pairs of certificates. */
export function readCertificates(tls: Block, imported: Imported): void {
  const stores = Object.values(block(tls.stores)).map((store) => block(store).defaultCertificate)
  const listed = Array.isArray(tls.certificates) ? tls.certificates : []
  for (const { certFile, keyFile } of [...listed, ...stores].map(block))
    if (certFile !== undefined && keyFile !== undefined)
      imported.certificates.push({ cert: String(certFile), key: String(keyFile) })
}

/**
 * What a router asks of TLS: certificates of clients are asked for by a listener here. Answers a sentence if that cannot
 * be said, and its routes have to stay closed.
 */
export function applyTlsOptions(
  router: Block,
  tls: Block,
  { imported, listener }: { imported: Imported; listener: string },
): string | undefined {
  const named = block(router.tls).options
  const name = named === undefined ? 'default' : String(named).replace(/@.*$/, '')
  const options = block(tls.options)[name]
  if (options === undefined)
    return named === undefined
      ? undefined
      : `its TLS options ${name} are not in this file: ${closedUntilDecided}`
  const { minVersion, clientAuth } = block(options)
  if (minVersion === 'VersionTLS13') imported.minVersion = 'TLSv1.3'
  if (clientAuth === undefined) return undefined
  const { caFiles, clientAuthType } = block(clientAuth)
  const [ca, ...others] = listOf(caFiles)
  const known = imported.listeners.get(listener)?.clientCertificates
  const require = String(clientAuthType) === 'RequireAndVerifyClientCert'
  if (
    ca === undefined ||
    others.length > 0 ||
    !(require || String(clientAuthType) === 'VerifyClientCertIfGiven') ||
    (known !== undefined && (known.ca !== ca || known.require !== require))
  )
    return `a listener asks all its hosts alike, by the authority of one file: ${closedUntilDecided}`
  setListener(imported, listener, { clientCertificates: { ca, require } })
  return undefined
}
