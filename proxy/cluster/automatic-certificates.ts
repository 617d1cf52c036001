import { resolve } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { automaticHosts } from '../config/automatic-hosts.ts'
import type { LoadedConfig } from '../config/loaded.ts'
import type { Logger } from '../observability/logger.ts'
import { recordOrder } from '../observability/metrics.ts'
import { openAuthority } from '../tls/acme/authority.ts'
import { type Automatic, type AutomaticStatus, startAutomatic } from '../tls/acme/automatic.ts'
import { proofsIn } from '../tls/acme/proofs.ts'

/** `tls.automatic` of the table that is in force. The primary holds it: a machine orders each certificate once. */
export interface AutomaticCertificates {
  configure(config: LoadedConfig): void
  status(): AutomaticStatus[]
  warnings(): string[]
  close(): Promise<void>
}

export function openAutomaticCertificates({
  log,
  onFirst,
}: {
  log: Logger
  /** A host has its first certificate, which is in no list yet. A renewed one is a file that changed, which is watched. */
  onFirst(): void
}): AutomaticCertificates {
  let running: { readonly settings: unknown; readonly automatic: Automatic } | undefined

  function start(config: LoadedConfig): void {
    const settings = config.tls.automatic
    if (settings === undefined) return
    const storage = resolve(config.folder, settings.storage)
    const authority = openAuthority({
      directory: settings.directory,
      email: settings.email,
      ca: settings.ca && resolve(config.folder, settings.ca),
      folder: storage,
      proofs: [settings.dns === undefined ? 'http-01' : 'dns-01'],
    })
    const prove = proofsIn(storage, settings.dns && resolve(config.folder, settings.dns.hook))
    const automatic = startAutomatic({
      storage,
      renewBefore: settings.renewBefore,
      order: (host) => authority.order([host], prove),
      onIssued(host, renewed) {
        recordOrder('success')
        log.info(renewed ? 'a certificate was renewed' : 'a certificate was issued', { host })
        if (!renewed) onFirst()
      },
      onFailure(host, { message, mend }, again) {
        recordOrder('failure')
        const at = new Date(again).toISOString()
        log.error('a certificate was not issued; what is there is served on', {
          host,
          reason: message,
          mend,
          again: at,
        })
      },
    })
    running = { settings, automatic }
  }

  return {
    configure(config) {
      if (running === undefined || !isDeepStrictEqual(running.settings, config.tls.automatic)) {
        void running?.automatic.close()
        running = undefined
        start(config)
      }
      running?.automatic.want(automaticHosts(config))
    },
    status: () => running?.automatic.status() ?? [],
    warnings: () => running?.automatic.warnings() ?? [],
    close: async () => running?.automatic.close(),
  }
}
