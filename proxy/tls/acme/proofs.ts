import { execFile } from 'node:child_process'
import { mkdir, rm } from 'node:fs/promises'
import path from 'node:path'
import { type Prove, proofCertificate } from './authority.ts'
import { AcmeFault } from './fault.ts'
import { replaceFile } from './kept-file.ts'

/** The folder that plain listeners serve /.well-known/acme-challenge/ from: all workers see its files at once. */
export function webrootOf(storage: string): string {
  return path.join(storage, 'webroot')
}

/** Makes the folder that challenges are served from, or every scanner that asks for one would be told of a fault here. */
export async function makeWebroot(storage: string): Promise<void> {
  await mkdir(challengesOf(storage), { recursive: true, mode: 0o700 })
}

export interface ProofPlaces {
  readonly storage: string
  /** Program that sets TXT records. */
  readonly hook: string | undefined
  /** Has every listener show a certificate to the authority. Answers how to end that. */
  showAlpn(host: string, pem: string): Promise<() => Promise<void>>
}

/**
 * Proves by a file that the authority fetches over HTTP (RFC 8555 §8.3), by the hook that sets a TXT record (§8.4), or by
 * a certificate (RFC 8737).
 */
export function proofsIn({ storage, hook, showAlpn }: ProofPlaces): Prove {
  return async (proof) => {
    const { kind, host, token, content } = proof
    if (kind === 'tls-alpn-01') return showAlpn(host, await proofCertificate(proof))
    if (kind === 'dns-01') {
      const record = `_acme-challenge.${host.replace(/^\*\./, '')}`
      await callHook(hook, 'set', record, content)
      return () => callHook(hook, 'clear', record, content)
    }
    // What the authority calls a token becomes the name of a file.
    if (!/^[A-Za-z0-9_-]{16,256}$/.test(token)) throw new AcmeFault('malformed', 'the token is none')
    const file = path.join(challengesOf(storage), token)
    await replaceFile(file, content, 0o644)
    return () => rm(file, { force: true })
  }
}

// --- internal ---

function challengesOf(storage: string): string {
  return path.join(webrootOf(storage), '.well-known', 'acme-challenge')
}

/** Milliseconds. Records take a while until every server of the domain has them. */
const hookLimit = 10 * 60_000

function callHook(hook: string | undefined, ...args: string[]): Promise<void> {
  if (hook === undefined) throw new AcmeFault('hook', 'there is no dns hook')
  return new Promise((done, failed) => {
    execFile(hook, args, { timeout: hookLimit }, (error, _stdout, stderr) =>
      error
        ? failed(
            new AcmeFault(
              'hook',
              `the dns hook ${hook} ${args[0]} failed: ${stderr.trim() || error.message}`,
            ),
          )
        : done(),
    )
  })
}
