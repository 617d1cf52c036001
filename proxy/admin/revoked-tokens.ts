import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { registrationFiles } from '../config/registration-files.ts'
import { followFile } from '../request/policies/followed-file.ts'

/** Ids of the registration tokens that the file of this machine revokes. Asked often, it looks once a second. */
export function followRevokedTokens(
  folder: string,
  onTrouble: (sentence: string) => void,
): () => ReadonlySet<string> {
  const path = resolve(folder, registrationFiles.revoked)
  let latest: (() => ReadonlySet<string>) | undefined
  return function revoked() {
    // Made by the first revocation, which may come at any time.
    if (latest === undefined && existsSync(path))
      latest = followFile(path, { parse: readIds, onBroken: onTrouble })
    return latest?.() ?? nobody
  }
}

// --- internal ---

const nobody: ReadonlySet<string> = new Set()

function readIds(content: Buffer): ReadonlySet<string> {
  const lines = content.toString().split('\n')
  return new Set(lines.map((line) => line.replace(/#.*/, '').trim()).filter((line) => line !== ''))
}
