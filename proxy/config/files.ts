import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { constants } from 'node:fs'
import { access, readFile, stat } from 'node:fs/promises'
import { basename, resolve } from 'node:path'
import type { LoadedConfig } from './loaded.ts'
import type { CheckedPolicies } from './policies.ts'
import type { PolicyOptions } from './policy-schemas.ts'
import type { Finding, Path } from './problem.ts'
import { say } from './sentences.ts'
import type { Source } from './source.ts'

/** A certificate of `tls.certificates`, as far as lint needs it. */
export interface CertificateFacts {
  /** Its place in the file: `['tls', 'certificates', 0, 'cert']`. */
  readonly path: Path
  /** DNS names and addresses that it is good for, in lower case. */
  readonly names: readonly string[]
  /** Unix time in milliseconds. */
  readonly notAfter: number
}

/** A file that routes.yaml names, and what it has to be. */
interface Mention {
  readonly path: Path
  readonly file: string
  readonly kind: 'file' | 'program' | 'folder' | 'file or folder'
  /** What makes it where it is not there, if anything does. */
  readonly makes?: string
}

export interface FileChecks {
  readonly findings: readonly Finding[]
  readonly certificates: readonly CertificateFacts[]
}

/**
 * Checks that every file and variable that the configuration reads from is there and can be read, and that each
 * certificate is one and belongs to its key. Files that Gatehouse writes itself are not looked at.
 */
export async function checkFiles(
  config: Pick<LoadedConfig, 'tls' | 'listeners' | 'upstreams' | 'routes' | 'redis' | 'tracing' | 'folder'>,
  policies: readonly CheckedPolicies[],
  { source, env }: { source: Source; env: Readonly<Record<string, string | undefined>> },
): Promise<FileChecks> {
  const mentions = [
    ...mentionsOf(config, source),
    ...policies.flatMap((checked) => mentionsOfPolicies(checked, source)),
  ]
  const once = [...new Map(mentions.map((mention) => [JSON.stringify(mention.path), mention])).values()]
  const missing = await Promise.all(
    once.map((mention) => checkMention(mention, config.folder, { source, env })),
  )
  const pairs = await Promise.all(config.tls.certificates.map((_, index) => checkPair(config, index, source)))
  return {
    findings: [...missing.flat(), ...pairs.flatMap((pair) => pair.findings)],
    certificates: pairs.flatMap((pair) => pair.facts ?? []),
  }
}

function mentionsOf(
  config: Pick<LoadedConfig, 'tls' | 'listeners' | 'upstreams' | 'routes' | 'redis' | 'tracing'>,
  source: Source,
): Mention[] {
  const mentions: Mention[] = []
  for (const [name, listener] of Object.entries(config.listeners)) {
    const file = listener.clientCertificates?.ca
    if (file !== undefined)
      mentions.push({ path: ['listeners', name, 'clientCertificates', 'ca'], file, kind: 'file' })
  }
  for (const [name, { tls, sticky }] of Object.entries(config.upstreams)) {
    if (tls.ca !== undefined)
      mentions.push({ path: ['upstreams', name, 'tls', 'ca'], file: tls.ca, kind: 'file' })
    if (sticky !== undefined)
      mentions.push({ path: ['upstreams', name, 'sticky', 'key'], ...secret(sticky.key, source) })
  }
  const { automatic } = config.tls
  if (automatic?.dns !== undefined)
    mentions.push({ path: ['tls', 'automatic', 'dns', 'hook'], file: automatic.dns.hook, kind: 'program' })
  for (const [path, file] of [
    [['tls', 'automatic', 'ca'], automatic?.ca],
    [['redis', 'password'], config.redis?.password],
    [['redis', 'sentinels', 'password'], config.redis?.sentinels?.password],
    [['redis', 'tls', 'ca'], config.redis?.tls?.ca],
  ] as const)
    if (file !== undefined) mentions.push({ path, file, kind: 'file' })
  for (const [name, file] of Object.entries(config.tracing?.headers ?? {}))
    mentions.push({ path: ['tracing', 'headers', name], file, kind: 'file' })
  for (const [index, { files, match }] of config.routes.entries()) {
    const path = ['routes', index, 'files']
    const isShort = source.show(path) !== undefined
    // Of a file with mistakes the draft is looked at, whose match may be none.
    const isOne = (match as LoadedConfig['routes'][number]['match'] | undefined)?.exact === true
    const kind = isOne ? 'file or folder' : 'folder'
    if (files !== undefined)
      mentions.push({ path: isShort ? path : [...path, 'root'], file: files.root, kind })
  }
  return mentions
}

function mentionsOfPolicies(policies: CheckedPolicies, source: Source): Mention[] {
  const mentions: Mention[] = []
  const basicAuth = policies.get('basicAuth')
  if (basicAuth && basicAuth !== 'off') {
    const { users } = basicAuth.options as PolicyOptions<'basicAuth'>
    const makes = `${hasFirstStart(source) ? 'the first start makes it, and ' : ''}gatehouse hash NAME --file FILE makes one`
    mentions.push({ path: [...basicAuth.path, 'users'], file: users, kind: 'file', makes })
  }
  const jwt = policies.get('jwt')
  if (jwt && jwt !== 'off') {
    const { key } = jwt.options as PolicyOptions<'jwt'>
    if (key !== undefined) mentions.push({ path: [...jwt.path, 'key'], ...secret(key, source) })
  }
  return mentions
}

/** A public key is not ours to make up. */
function secret(file: string, source: Source): Omit<Mention, 'path'> {
  const isMade = file.endsWith('.key') && hasFirstStart(source)
  return { file, kind: 'file', makes: isMade ? 'the first start makes it' : undefined }
}

/** `gatehouse serve` makes what a table of this name lacks. */
function hasFirstStart({ file }: Source): boolean {
  return basename(file) === 'routes.yaml'
}

async function checkMention(
  { path, file, kind, makes }: Mention,
  folder: string,
  { source, env }: { source: Source; env: Readonly<Record<string, string | undefined>> },
): Promise<Finding[]> {
  const refuse = (predicate: string): Finding[] => [{ path, ...say(source, path, predicate) }]
  if (file.startsWith('env:'))
    return env[file.slice(4)] ? [] : refuse('names an environment variable that is not set; set it')
  try {
    const whole = resolve(folder, file)
    const found = await stat(whole)
    if (kind === 'folder' && !found.isDirectory()) return refuse('is not a folder')
    if ((kind === 'file' || kind === 'program') && found.isDirectory())
      return refuse('is a folder, and should be a file')
    await access(whole, rightsFor(kind, found.isDirectory()))
    return []
  } catch (error) {
    if (kind !== 'file' && file.startsWith('dist/') && (error as NodeJS.ErrnoException).code === 'ENOENT')
      return refuse('is not there yet; `make build` makes what is in dist/')
    return refuse(describeFault(error, kind, makes))
  }
}

function rightsFor(kind: Mention['kind'], isFolder: boolean): number {
  if (kind === 'program') return constants.X_OK
  return isFolder ? constants.R_OK | constants.X_OK : constants.R_OK
}

/** Of the error only its code is told: its message holds the path, which may come from the environment. */
function describeFault(error: unknown, kind: Mention['kind'], makes?: string): string {
  const code = (error as NodeJS.ErrnoException).code
  if (code === 'EACCES' || code === 'EPERM')
    return `is a ${kind} that may not be ${kind === 'program' ? 'run' : 'read'}; give this user the right to`
  if (code === 'ENOENT' || code === 'ENOTDIR')
    return `is not there; ${makes ?? 'paths start at the folder of this file'}`
  return `cannot be read as a ${kind} (${code ?? 'malformed path'})`
}

interface Pair {
  readonly findings: readonly Finding[]
  readonly facts?: CertificateFacts
}

async function checkPair(
  { tls, folder }: Pick<LoadedConfig, 'tls' | 'folder'>,
  index: number,
  source: Source,
): Promise<Pair> {
  const pair = tls.certificates[index]
  if (pair === undefined) return { findings: [] }
  const certPath: Path = ['tls', 'certificates', index, 'cert']
  const keyPath: Path = ['tls', 'certificates', index, 'key']
  const [cert, key] = await Promise.all([
    readPem(resolve(folder, pair.cert), (pem) => new X509Certificate(pem)),
    readPem(resolve(folder, pair.key), (pem): KeyObject => createPrivateKey(pem)),
  ])
  const findings: Finding[] = []
  if ('fault' in cert) {
    const words = cert.fault ?? 'is not a certificate in PEM form; write the file with the chain'
    findings.push({ path: certPath, ...say(source, certPath, words) })
  }
  if ('fault' in key) {
    const words =
      key.fault ?? 'is not a private key in PEM form without a passphrase; write the file with the key'
    findings.push({ path: keyPath, ...say(source, keyPath, words) })
  }
  if ('fault' in cert) return { findings }
  if ('value' in key && !cert.value.checkPrivateKey(key.value)) {
    const words = 'is not the key of that certificate; the first certificate of the file must be its own'
    findings.push({ path: keyPath, ...say(source, keyPath, words) })
  }
  const facts = { path: certPath, names: namesOf(cert.value), notAfter: Date.parse(cert.value.validTo) }
  return { findings, facts }
}

async function readPem<T>(
  file: string,
  read: (pem: Buffer) => T,
): Promise<{ value: T } | { fault: string | undefined }> {
  let pem: Buffer
  try {
    pem = await readFile(file)
  } catch (error) {
    return { fault: describeFault(error, 'file') }
  }
  try {
    return { value: read(pem) }
  } catch {
    return { fault: undefined }
  }
}

function namesOf(certificate: X509Certificate): string[] {
  const text = certificate.subjectAltName ?? ''
  return [...text.matchAll(/(?:DNS|IP Address):"?([^,"\s]+)/g)].map((found) =>
    (found[1] as string).toLowerCase(),
  )
}
