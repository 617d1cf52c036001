import path from 'node:path'
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls'
import { type CertificatePair, doubtsAbout, type PairPaths, readPair } from './certificate-pair.ts'
import { type ContextUse, contextOptions, type TlsVersion } from './secure-context.ts'
import { ensureSelfSigned } from './self-signed.ts'
import { watchFiles } from './watch-files.ts'

export interface CertificateSettings {
  /** In the order of the configuration: the first is shown to clients that ask for no known name. */
  readonly certificates: readonly PairPaths[]
  /** Absolute. Relative paths start here, and a self-signed pair is made in its `certs/`. */
  readonly folder: string
  readonly minVersion: TlsVersion
  /** The hosts that a self-signed certificate is made for when no certificate is configured. */
  readonly selfSignedFor: readonly string[]
}

/** What the admin listener and the metrics tell of a certificate. */
export interface CertificateFacts {
  readonly file: string
  readonly subject: string
  readonly sans: readonly string[]
  readonly serial: string
  readonly notAfter: Date
}

/** Certificates by name. A reload changes what it answers; connections that are open keep what they have. */
export interface CertificateStore {
  /** The context for a name that a client asked for: exact, then wildcard for one label, then the first. */
  contextFor(serverName: string | undefined, use?: ContextUse): SecureContext
  /** The same as options, for the default context of a `tls.Server`. */
  optionsFor(serverName: string | undefined, use?: ContextUse): SecureContextOptions
  /** Whether a certificate names this host (lower case, no port; an IP address without brackets). */
  covers(host: string): boolean
  /** Whether none that somebody issued names this host: one that was made here is believed by nobody. */
  lacks(host: string): boolean
  list(): CertificateFacts[]
  /** Sentences about certificates that are served all the same: expired, not yet valid, nameless. */
  warnings(): string[]
  /** Reads the files again. If one is at fault, it throws, and what was there before stays. */
  reload(): Promise<void>
  /** Reloads when a file changes, and tells how that went. The promise is kept once changes are seen. */
  watch(onChange: () => void, onError: (error: Error) => void): Promise<void>
  close(): Promise<void>
}

/** Reads every certificate. Throws one sentence for the first that is at fault. */
export async function loadCertificates(settings: CertificateSettings): Promise<CertificateStore> {
  const { folder, minVersion } = settings
  const paths =
    settings.certificates.length > 0
      ? settings.certificates
      : [await ensureSelfSigned(path.join(folder, 'certs'), settings.selfSignedFor)]
  let shelf = await fillShelf(paths, folder)
  let watching: { close(): Promise<void> } | undefined

  const reload = async (): Promise<void> => {
    shelf = await fillShelf(paths, folder)
  }

  return {
    contextFor(serverName, use = plainUse) {
      const { contexts, pairs } = find(shelf, serverName)
      let context = contexts.get(use)
      if (context === undefined) {
        context = createSecureContext(contextOptions(pairs, minVersion, use))
        contexts.set(use, context)
      }
      return context
    },
    optionsFor: (serverName, use = plainUse) =>
      contextOptions(find(shelf, serverName).pairs, minVersion, use),
    covers: (host) => lookUp(shelf, host) !== undefined,
    lacks: (host) => settings.certificates.length === 0 || lookUp(shelf, host.toLowerCase()) === undefined,
    list: () =>
      shelf.pairs.map(({ file, subject, names, serial, notAfter }) => ({
        file,
        subject,
        sans: names,
        serial,
        notAfter,
      })),
    warnings: () => shelf.pairs.flatMap((pair) => doubtsAbout(pair)),
    reload,
    async watch(onChange, onError) {
      const files = paths.flatMap(({ cert, key }) => [path.resolve(folder, cert), path.resolve(folder, key)])
      const watcher = watchFiles([...new Set(files)], () => reload().then(onChange, onError), onError)
      watching = watcher
      await watcher.ready
    },
    close: async () => watching?.close(),
  }
}

// --- Internal ---

/** The certificates for one name, and the contexts made of them: one for each use, made when first asked for. */
interface Place {
  readonly pairs: CertificatePair[]
  readonly contexts: WeakMap<ContextUse, SecureContext>
}

interface Shelf {
  readonly pairs: readonly CertificatePair[]
  readonly byName: ReadonlyMap<string, Place>
  readonly first: Place
}

const plainUse: ContextUse = Object.freeze({ sessionIdContext: 'gatehouse' })

async function fillShelf(paths: readonly PairPaths[], folder: string): Promise<Shelf> {
  const pairs = await Promise.all(paths.map((pair) => readPair(pair, folder)))
  const byName = new Map<string, Place>()
  // Names that the same certificates serve share one place, and with it one context.
  const places = new Map<string, Place>()
  for (const name of new Set(pairs.flatMap((pair) => pair.names))) {
    const chosen = oneOfEachKeyType(pairs.filter((pair) => pair.names.includes(name)))
    const key = chosen.map((pair) => pairs.indexOf(pair)).join()
    const place = places.get(key) ?? { pairs: chosen, contexts: new WeakMap() }
    places.set(key, place)
    byName.set(name, place)
  }
  const leader = pairs[0] as CertificatePair
  const first = byName.get(leader.names[0] ?? '') ?? { pairs: [leader], contexts: new WeakMap() }
  return { pairs, byName, first }
}

/** OpenSSL holds one certificate for each type of key; of two of one type the earlier in the file counts. */
function oneOfEachKeyType(pairs: readonly CertificatePair[]): CertificatePair[] {
  return pairs.filter((pair, at) => pairs.findIndex(({ keyType }) => keyType === pair.keyType) === at)
}

function find(shelf: Shelf, serverName: string | undefined): Place {
  if (serverName === undefined) return shelf.first
  return lookUp(shelf, serverName.toLowerCase()) ?? shelf.first
}

function lookUp({ byName }: Shelf, host: string): Place | undefined {
  const exact = byName.get(host)
  if (exact !== undefined) return exact
  const dot = host.indexOf('.')
  return dot > 0 ? byName.get(`*${host.slice(dot)}`) : undefined
}
