import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/**
 * What must hold for the repository as a whole: a licence, no package registry named (whoever installs
 * chooses the registry), and no key, data or build output in git.
 */

const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '-z'], {
  encoding: 'utf8',
})
  .split('\0')
  .filter((file) => file !== '')
const faults: string[] = []

if (!files.includes('LICENSE')) faults.push('LICENSE is missing')

const registryHost = /registry\.(npmjs|yarnpkg|npmmirror)\.|\bnpm\.pkg\.github\b|\bartifactory\b/i
const privateKey = /-----BEGIN [A-Z ]*PRIVATE KEY-----\r?\n[A-Za-z0-9+/=]{40}/
for (const file of files) {
  if (/^(data|dist|node_modules)\/|^certs\/(?!\.gitignore$)/.test(file))
    faults.push(`${file} does not belong in git`)
  const text = readTracked(file)
  if (file !== 'test/check/house.ts' && registryHost.test(text))
    faults.push(`${file} names a package registry`)
  if (privateKey.test(text)) faults.push(`${file} holds a private key`)
}

for (const fault of faults) console.error(fault)
if (faults.length > 0) process.exitCode = 1

/** A file that is deleted but not yet committed reads as empty. */
function readTracked(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
