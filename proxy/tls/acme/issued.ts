import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import type { PairPaths } from '../certificate-pair.ts'
import type { IssuedPair } from './authority.ts'
import { replaceFile } from './kept-file.ts'

/**
 * Certificates that were issued, each in a folder named for its host. A certificate and its key are one file, so that no
 * reader meets the one without the other: a renewal replaces both at a stroke.
 */
export interface Issued {
  readonly host: string
  readonly pair: PairPaths
}

/** Absolute paths. Nothing that is half there counts. */
export async function listIssued(storage: string): Promise<Issued[]> {
  const folder = path.join(storage, 'certificates')
  const names = await readdir(folder).catch(() => [])
  const issued: Issued[] = []
  for (const name of names.sort()) {
    if (!name.endsWith('.pem')) continue
    const file = path.join(folder, name)
    const text = await readFile(file, 'utf8').catch(() => '')
    if (text.includes('PRIVATE KEY-----') && text.includes('-----BEGIN CERTIFICATE'))
      issued.push({ host: hostOf(name), pair: { cert: file, key: file } })
  }
  return issued
}

export async function keepIssued(storage: string, host: string, { cert, key }: IssuedPair): Promise<void> {
  await replaceFile(issuedFileOf(storage, host), `${key.trimEnd()}\n${cert.trimEnd()}\n`, 0o600)
}

export function issuedFileOf(storage: string, host: string): string {
  return path.join(storage, 'certificates', `${host.replace(/^\*/, 'wildcard')}.pem`)
}

// --- internal ---

function hostOf(file: string): string {
  return file.slice(0, -'.pem'.length).replace(/^wildcard/, '*')
}
