import { resolve } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { automaticHosts } from '../config/automatic-hosts.ts'
import type { LoadedConfig } from '../config/loaded.ts'
import type { SharedCertificates } from '../fleet/shared-certificates.ts'
import type { Logger } from '../observability/logger.ts'
import { recordCertificateAsk, recordOrder } from '../observability/metrics.ts'
import type { AlpnProof } from '../request/accept/alpn-proofs.ts'
import { openAuthority } from '../tls/acme/authority.ts'
import { type Automatic, type AutomaticStatus, startAutomatic } from '../tls/acme/automatic.ts'
import { AcmeFault } from '../tls/acme/fault.ts'
import { listIssued } from '../tls/acme/issued.ts'
import { createOnDemand, type OnDemand } from '../tls/acme/on-demand.ts'
import { makeWebroot, proofsIn } from '../tls/acme/proofs.ts'

/** `tls.automatic` of the table that is in force. The primary holds it: a machine orders each certificate once. */
export interface AutomaticCertificates {
  configure(config: LoadedConfig): void
  /** A client asked for a host that no certificate has. */
  named(host: string): void
  /** What workers show to the authority now. */
  proofs(): readonly AlpnProof[]
  status(): AutomaticStatus[]
  warnings(): string[]
  close(): Promise<void>
}

export function openAutomaticCertificates({
  log,
  shared,
  setProofs,
  onFirst,
}: {
  log: Logger
  /** With other proxies. Without it, each gets its own. */
  shared: SharedCertificates | undefined
  /** Answers when all workers have them. */
  setProofs(proofs: readonly AlpnProof[]): Promise<void>
  /** A host has its first certificate, which is in no list yet. A renewed one is a file that changed, which is watched. */
  onFirst(): void
}): AutomaticCertificates {
  const alpn = new Map<string, AlpnProof>()
  let running: Running | undefined
  let saidAt = 0

  /** Those of the table, and those that clients have named. */
  function want(): void {
    const { config, automatic, demand } = running as Running
    automatic.want([...new Set([...automaticHosts(config), ...(demand?.hosts() ?? [])])])
  }

  function start(config: LoadedConfig): void {
    const settings = config.tls.automatic
    if (settings === undefined) return
    const storage = resolve(config.folder, settings.storage)
    void makeWebroot(storage).catch((error: Error) =>
      log.error('the folder of certificates cannot be made', { storage, reason: error.message }),
    )
    const authority = openAuthority({
      directory: settings.directory,
      email: settings.email,
      ca: settings.ca && resolve(config.folder, settings.ca),
      folder: storage,
      proofs: [settings.dns === undefined ? settings.challenge : 'dns-01'],
    })
    const ownProof = proofsIn({
      storage,
      hook: settings.dns && resolve(config.folder, settings.dns.hook),
      async showAlpn(host, pem) {
        alpn.set(host, { host, pem })
        await setProofs([...alpn.values()])
        return () => {
          alpn.delete(host)
          return setProofs([...alpn.values()])
        }
      },
    })
    const prove = shared?.wrapProof(ownProof) ?? ownProof
    const automatic = startAutomatic({
      storage,
      renewBefore: settings.renewBefore,
      async order(host) {
        const isWanted = automaticHosts(running?.config ?? config).includes(host)
        if (!isWanted && (await running?.demand?.isStillWanted(host)) === false)
          throw new AcmeFault('unwanted', 'whoever is asked says that there is no such host any more')
        return authority.order([host], prove)
      },
      companions: shared?.companions,
      onIssued(host, { renewed, ordered }) {
        if (ordered) {
          recordOrder('success')
          log.info(renewed ? 'a certificate was renewed' : 'a certificate was issued', { host })
        } else log.info('another proxy has got a certificate, and it is taken up', { host })
        if (!renewed) onFirst()
      },
      onFailure(host, { kind, message, mend }, again) {
        if (kind === 'unwanted')
          return void log.info('a certificate is not renewed', { host, reason: message })
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
    running = { settings, config, automatic, demand: undefined }
    if (settings.onDemand !== undefined) void startOnDemand(running, settings.onDemand, storage)
  }

  async function startOnDemand(
    begun: Running,
    settings: NonNullable<NonNullable<LoadedConfig['tls']['automatic']>['onDemand']>,
    storage: string,
  ): Promise<void> {
    const had = (await listIssued(storage)).map(({ host }) => host)
    if (running !== begun) return
    begun.demand = createOnDemand({
      ...settings,
      had,
      onChange: () => running === begun && want(),
      onTrouble: say,
      onAsked: recordCertificateAsk,
    })
    want()
  }

  function say(sentence: string): void {
    if (Date.now() - saidAt < sameFor) return
    saidAt = Date.now()
    log.error(sentence)
  }

  shared?.onNews(() => running?.automatic.lookAgain())

  return {
    configure(config) {
      if (running === undefined || !isDeepStrictEqual(running.settings, config.tls.automatic)) {
        void running?.automatic.close()
        running = undefined
        start(config)
      }
      if (running === undefined) return
      running.config = config
      want()
    },
    named: (host) => running?.demand?.named(host),
    proofs: () => [...alpn.values()],
    status: () => running?.automatic.status() ?? [],
    warnings: () => running?.automatic.warnings() ?? [],
    close: async () => running?.automatic.close(),
  }
}

// --- internal ---

interface Running {
  readonly settings: unknown
  config: LoadedConfig
  readonly automatic: Automatic
  demand: OnDemand | undefined
}

/** The same trouble is told once in so long. Milliseconds. */
const sameFor = 60_000
