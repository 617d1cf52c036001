import { randomBytes } from 'node:crypto'
import { mkdir, rename, writeFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import path from 'node:path'
import { type CertificatePair, type PairPaths, readPair } from './certificate-pair.ts'

const day = 86_400_000
/** Browsers refuse certificates that are valid for more than 398 days. */
const lifetime = 397 * day
const renewBefore = 7 * day

/**
 * Makes sure that `folder` holds `self-signed.crt` and `self-signed.key` for these hosts and for this machine;
 * makes a new pair if there is none, it ends within a week, or it does not name them all. Answers absolute
 * paths. Name each host of the routes: no browser and no OpenSSL takes `*.localhost` for photos.localhost.
 * Run it in one process only, before the others start.
 */
export async function ensureSelfSigned(folder: string, hosts: readonly string[]): Promise<PairPaths> {
  const paths = { cert: path.join(folder, 'self-signed.crt'), key: path.join(folder, 'self-signed.key') }
  const names = [...new Set([...hosts.map((host) => host.toLowerCase()), ...ownNames])]
  const present = await readPair(paths, folder).catch(() => undefined)
  if (present !== undefined && stillGood(present, names)) return paths
  const made = await generate(names)
  await mkdir(folder, { recursive: true })
  await replaceFile(paths.key, made.key, 0o600)
  await replaceFile(paths.cert, made.cert, 0o644)
  return paths
}

// --- Internal ---

const ownNames = ['localhost', '*.localhost', '127.0.0.1', '::1']

function stillGood(pair: CertificatePair, names: readonly string[]): boolean {
  return (
    pair.notAfter.getTime() - Date.now() > renewBefore && names.every((name) => pair.names.includes(name))
  )
}

async function generate(names: readonly string[]): Promise<{ cert: string; key: string }> {
  // Loaded only where one is made: the package is large, and most starts find their certificate.
  const { generate: make } = await import('selfsigned')
  // An hour back, for devices whose clock is a little behind ours.
  const notBefore = new Date(Date.now() - 3_600_000)
  const made = await make([{ name: 'commonName', value: names[0] as string }], {
    keyType: 'ec',
    curve: 'P-256',
    algorithm: 'sha256',
    notBeforeDate: notBefore,
    notAfterDate: new Date(notBefore.getTime() + lifetime),
    extensions: [
      // Not an authority: Firefox refuses one that serves a host, and whoever steals the key could sign others.
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      {
        name: 'subjectAltName',
        altNames: names.map((name) => (isIP(name) ? { type: 7, ip: name } : { type: 2, value: name })),
      },
    ],
  })
  return { cert: `${made.cert.trim()}\n`, key: made.private }
}

/** Written whole beside the file, then renamed: nobody ever reads half of it. */
async function replaceFile(file: string, text: string, mode: number): Promise<void> {
  const draft = `${file}.${randomBytes(4).toString('hex')}`
  await writeFile(draft, text, { mode, flag: 'wx' })
  await rename(draft, file)
}
