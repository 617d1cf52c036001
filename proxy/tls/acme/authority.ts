import { readFile } from 'node:fs/promises'
import https from 'node:https'
import path from 'node:path'
import type acme from 'acme-client'
import { AcmeFault } from './fault.ts'
import { keepFile, readKept } from './kept-file.ts'

/** An authority that certifies by ACME (RFC 8555), and this machine's account with it. */
export interface Authority {
  /**
   * Orders a certificate for the names, the first of them as its subject. `prove` makes a proof visible and answers how to
   * take it away. Throws an AcmeFault.
   */
  order(names: readonly string[], prove: Prove): Promise<IssuedPair>
}

export interface IssuedPair {
  /** PEM, leaf first. */
  readonly cert: string
  readonly key: string
}

export type Prove = (proof: Proof) => Promise<() => Promise<void>>

/**
 * What has to be seen for a name: at a path of its host over HTTP, in a certificate that its host shows, or in a TXT
 * record of `_acme-challenge.` of it.
 */
export interface Proof {
  readonly kind: 'http-01' | 'tls-alpn-01' | 'dns-01'
  readonly host: string
  readonly token: string
  readonly content: string
}

export interface AuthoritySettings {
  /** `letsencrypt`, `letsencrypt-staging`, or an address. */
  readonly directory: string
  readonly email: string
  /** PEM file of the authority of the directory's own certificate. */
  readonly ca?: string
  /** Absolute: accounts are kept here. */
  readonly folder: string
  readonly proofs: readonly Proof['kind'][]
}

/** The certificate, with its key, that proves by TLS (RFC 8737 §3). PEM. */
export async function proofCertificate({ host, content }: Proof): Promise<string> {
  const acme = await loadLibrary()
  const key = await acme.crypto.createPrivateEcdsaKey()
  const authorization = { identifier: { type: 'dns', value: host } } as acme.Authorization
  const [, cert] = await acme.crypto.createAlpnCertificate(authorization, content, key)
  return `${key}\n${cert}`
}

export function openAuthority({ directory, email, ca, folder, proofs }: AuthoritySettings): Authority {
  async function connect(acme: Library): Promise<acme.Client> {
    const directoryUrl = addressOf(directory, acme)
    if (ca !== undefined) acme.axios.defaults.httpsAgent = new https.Agent({ ca: await readFile(ca) })
    acme.axios.defaults.timeout = answerLimit
    acme.axios.defaults.headers.common['User-Agent'] = 'gatehouse'
    const place = path.join(folder, 'accounts', folderNameOf(directoryUrl))
    const accountKey = await keepFile(path.join(place, 'account.key'), () =>
      acme.crypto.createPrivateEcdsaKey(),
    )
    const accountUrl = await readKept(path.join(place, 'account.url'))
    const client = new acme.Client({
      directoryUrl,
      accountKey,
      accountUrl,
      backoffAttempts: 8,
      backoffMin: 500,
      backoffMax: 5_000,
    })
    await client.createAccount({ termsOfServiceAgreed: true, contact: [`mailto:${email}`] })
    await keepFile(path.join(place, 'account.url'), async () => Buffer.from(client.getAccountUrl()))
    return client
  }

  return {
    async order(names, prove) {
      const takeAway = new Map<string, () => Promise<void>>()
      const asked: string[] = []
      let client: acme.Client | undefined
      try {
        const acme = await loadLibrary()
        client = await connect(acme)
        const [commonName = '', ...others] = names
        const [key, csr] = await acme.crypto.createCsr(
          { commonName, altNames: [commonName, ...others] },
          await acme.crypto.createPrivateEcdsaKey(),
        )
        const cert = await client.auto({
          csr,
          email,
          termsOfServiceAgreed: true,
          // It would ask from here, through whatever resolver this machine has; the authority asks from outside.
          skipChallengeVerification: true,
          challengePriority: [...proofs],
          async challengeCreateFn({ identifier, url }, challenge, content) {
            asked.push(url)
            const kind = challenge.type as Proof['kind']
            const proof = { kind, host: identifier.value, token: challenge.token, content }
            takeAway.set(challenge.token, await prove(proof))
          },
          async challengeRemoveFn(_authorization, { token }) {
            await takeAway.get(token)?.()
            takeAway.delete(token)
          },
        })
        return { cert, key: key.toString() }
      } catch (error) {
        throw (await findRefusal(client, asked)) ?? AcmeFault.from(error)
      } finally {
        await Promise.allSettled([...takeAway.values()].map((end) => end()))
      }
    },
  }
}

// --- internal ---

type Library = typeof acme

/** When the first certificate is ordered: it is a quarter of the code of each process, and most never order one. */
async function loadLibrary(): Promise<Library> {
  return (await import('acme-client')).default
}

/**
 * What the authority has against a proof. The library only says that it waited in vain, or that an order is invalid; the
 * reason stands in the challenge (RFC 8555 §8).
 */
async function findRefusal(
  client: acme.Client | undefined,
  authorizations: string[],
): Promise<AcmeFault | undefined> {
  if (client === undefined || authorizations.length === 0) return undefined
  try {
    const answers = await client.getAuthorizations({ authorizations } as acme.Order)
    for (const { challenges } of answers)
      for (const { error } of challenges as { error?: { type?: string; detail?: string } }[])
        if (error !== undefined) {
          const kind = error.type?.replace(/^urn:ietf:params:acme:error:/, '') ?? 'unauthorized'
          return new AcmeFault(kind, error.detail ?? kind)
        }
  } catch {
    // It does not answer; what the library said has to do.
  }
  return undefined
}

/** Milliseconds for one answer of the authority. */
const answerLimit = 30_000

function addressOf(directory: string, acme: Library): string {
  if (directory === 'letsencrypt') return acme.directory.letsencrypt.production
  if (directory === 'letsencrypt-staging') return acme.directory.letsencrypt.staging
  return directory
}

/** An account is with one authority: `acme-v02.api.letsencrypt.org-directory`. */
function folderNameOf(directoryUrl: string): string {
  return directoryUrl.replace(/^https:\/\//, '').replace(/[^A-Za-z0-9.-]+/g, '-')
}
