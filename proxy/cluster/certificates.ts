import { resolve } from 'node:path'
import type { CertificateSummary } from '../admin/source.ts'
import type { LoadedConfig } from '../config/loaded.ts'
import { listIssued } from '../tls/acme/issued.ts'
import { type CertificateFacts, type CertificateStore, loadCertificates } from '../tls/certificates.ts'

/**
 * The certificates of a configuration, those that were issued by themselves included, or nothing if none of its
 * listeners speaks TLS. Where there is none, a self-signed one is made for the hosts of the routes: the primary opens them before any worker does, so that
 * they all find the same.
 */
export async function openCertificates(config: LoadedConfig): Promise<CertificateStore | undefined> {
  if (!Object.values(config.listeners).some(({ tls }) => tls)) return undefined
  const { automatic, certificates } = config.tls
  const issued = automatic ? await listIssued(resolve(config.folder, automatic.storage)) : []
  return loadCertificates({
    ...config.tls,
    certificates: [...certificates, ...issued.map(({ pair }) => pair)],
    folder: config.folder,
    selfSignedFor: hostsOf(config),
  })
}

/** As the admin listener and the metrics name them. */
export function summariseCertificates(facts: readonly CertificateFacts[]): CertificateSummary[] {
  return facts.map(({ subject, sans, serial, notAfter }) => ({
    cn: /(?:^|, )CN=([^,]+)/.exec(subject)?.[1] ?? sans[0] ?? '',
    sans,
    serial,
    notAfter: notAfter.getTime(),
  }))
}

/** Addresses of IPv6 stand in brackets in a match, and without them in a certificate. */
function hostsOf({ routes }: LoadedConfig): string[] {
  const hosts = routes.flatMap(({ match }) => match.host ?? [])
  return [...new Set(hosts.map((host) => host.replace(/^\[|\]$/g, '')))].sort()
}
