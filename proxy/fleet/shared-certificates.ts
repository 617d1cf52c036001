import { createPrivateKey, X509Certificate } from 'node:crypto'
import type { Prove } from '../tls/acme/authority.ts'
import type { Companions } from '../tls/acme/automatic.ts'
import type { FleetKey } from './fleet-key.ts'
import { createOrderLock } from './order-lock.ts'
import type { Redis } from './redis.ts'
import { type ProofNews, shareProofs } from './shared-proofs.ts'

/**
 * Certificates of the whole fleet: one proxy orders, all show its proof, and all serve what came of it. In Redis they are
 * encrypted: whoever reads it learns no private key.
 */
export interface SharedCertificates {
  readonly companions: Companions
  wrapProof(prove: Prove): Prove
  /** Called when another proxy has got a certificate. */
  onNews(look: () => void): void
  heard(message: string): void
  /** Redis came, or went. */
  changed(there: boolean): void
}

export interface SharedCertificatesSettings {
  readonly id: string
  readonly prefix: string
  readonly redis: () => Redis
  readonly key: FleetKey
  /** How many other proxies there are. */
  others(): number
  onTrouble(sentence: string): void
  /** Milliseconds; see below. */
  readonly aloneAfter?: number
}

/**
 * Without Redis nobody knows who else orders, and nobody else can show the proof. An authority counts certificates of the
 * same name and failed proofs by the week and the hour (Let's Encrypt: 5 of each), so a fleet that went on by itself could
 * be locked out when it matters. A certificate is renewed long before it ends: an outage is waited out, and a proxy orders
 * alone only when Redis has been away for an hour and its own certificate is in the last tenth of its life, or none is there.
 */
const defaultAloneAfter = 60 * 60_000
/** Milliseconds until it is asked again whether another has got it. It says so itself, if it is heard. */
const askAgain = 5_000
const mark = 'acme '

export function isCertificateNews(message: string): boolean {
  return message.startsWith(mark)
}

export function shareCertificates(settings: SharedCertificatesSettings): SharedCertificates {
  const { id, prefix, redis, key, onTrouble, aloneAfter = defaultAloneAfter } = settings
  const lock = createOrderLock(settings)
  const proofs = shareProofs(settings)
  const placeOf = (host: string): string => `${prefix}acme:certificate:${host}`
  let awaySince: number | undefined = Date.now()
  let look: () => void = () => {}

  async function read(host: string): Promise<string | undefined> {
    const encrypted = await redis().call('GET', placeOf(host))
    if (typeof encrypted !== 'string') return undefined
    const pem = key.decrypt(`certificate ${host}`, encrypted)
    if (pem !== undefined && isFor(host, pem)) return pem
    onTrouble(
      `the certificate of ${host} in Redis was written with another certs/registration.key; copy the same file to all proxies`,
    )
    return undefined
  }

  async function write(host: string, pem: string): Promise<void> {
    const left = endOf(pem) - Date.now()
    if (left <= 0) return
    await redis().call('SET', placeOf(host), key.encrypt(`certificate ${host}`, pem), 'PX', left)
    await redis().publish(mark + key.seal('acme', JSON.stringify({ kind: 'certificate', from: id })))
  }

  const companions: Companions = {
    async exchange(host, own) {
      try {
        const theirs = redis().there ? await read(host) : undefined
        if (theirs !== undefined && endOf(theirs) > endOf(own)) return theirs
        if (own !== undefined && endOf(own) > endOf(theirs) && redis().there) await write(host, own)
      } catch {
        // Redis has gone. It is asked again.
      }
      return undefined
    },
    async turn(host, isUrgent) {
      const again = Date.now() + askAgain
      try {
        const trouble = await lock.troubleOf(host)
        if (trouble !== undefined && trouble.next > Date.now())
          return { isOurs: false, again: trouble.next, trouble }
        return { isOurs: await lock.take(host), again, trouble }
      } catch {
        const away = awaySince === undefined ? 0 : Date.now() - awaySince
        return { isOurs: isUrgent && away >= aloneAfter, again, trouble: undefined }
      }
    },
    async issued(host, pem) {
      // What could not be told now is offered later.
      await write(host, pem).catch(() => {})
      await lock.release(host).catch(() => {})
    },
    failed: (host, trouble) => lock.release(host, trouble).catch(() => {}),
    letGo: (host) => lock.release(host).catch(() => {}),
  }

  return {
    companions,
    wrapProof: proofs.wrap,
    onNews(wake) {
      look = wake
    },
    heard(message) {
      const text = key.open('acme', message.slice(mark.length))
      if (text === undefined) return
      const { kind, from } = JSON.parse(text) as ProofNews | { kind: 'certificate'; from: string }
      if (kind !== 'certificate')
        void proofs
          .heard(text)
          .catch((error: Error) => onTrouble(`a proof of another proxy: ${error.message}`))
      else if (from !== id) look()
    },
    changed(there) {
      awaySince = there ? undefined : Date.now()
      if (there) void proofs.catchUp().catch(() => {})
    },
  }
}

// --- internal ---

/** It was written by one of us; all the same nothing is served that is another host's, or has another's key. */
function isFor(host: string, pem: string): boolean {
  try {
    const leaf = new X509Certificate(pem)
    const isNamed = leaf.checkHost(host.replace(/^\*/, 'any')) !== undefined
    return isNamed && leaf.checkPrivateKey(createPrivateKey(pem))
  } catch {
    return false
  }
}

/** Unix milliseconds; 0 of one that cannot be read. */
function endOf(pem: string | undefined): number {
  try {
    return pem === undefined ? 0 : new X509Certificate(pem).validToDate.getTime()
  } catch {
    return 0
  }
}
