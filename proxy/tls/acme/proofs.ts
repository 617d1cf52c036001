import { execFile } from 'node:child_process'
import { rm } from 'node:fs/promises'
import path from 'node:path'
import type { Prove } from './authority.ts'
import { AcmeFault } from './fault.ts'
import { replaceFile } from './kept-file.ts'

/** The folder that plain listeners serve /.well-known/acme-challenge/ from: all workers see its files at once. */
export function webrootOf(storage: string): string {
  return path.join(storage, 'webroot')
}

/** Proves by a file that the authority fetches over HTTP (RFC 8555 §8.3), or by the hook that sets a TXT record (§8.4). */
export function proofsIn(storage: string, hook: string | undefined): Prove {
  return async ({ kind, host, token, content }) => {
    if (kind === 'dns-01') {
      const record = `_acme-challenge.${host.replace(/^\*\./, '')}`
      await callHook(hook, 'set', record, content)
      return () => callHook(hook, 'clear', record, content)
    }
    // What the authority calls a token becomes the name of a file.
    if (!/^[A-Za-z0-9_-]{16,256}$/.test(token)) throw new AcmeFault('malformed', 'the token is none')
    const file = path.join(webrootOf(storage), '.well-known', 'acme-challenge', token)
    await replaceFile(file, content, 0o644)
    return () => rm(file, { force: true })
  }
}

// --- internal ---

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
