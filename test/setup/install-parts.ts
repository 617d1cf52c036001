import { execFileSync } from 'node:child_process'
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { missingParts, type Part } from '../harness/parts.ts'

/**
 * Brings what the tests use beside Node, and what the target that is named uses beyond: installs it on Debian as
 * root, otherwise says what is missing. Fails only where CI=true and something is still missing.
 */

const target = process.argv[2]
const missing = missingParts(target)
if (missing.length > 0 && mayInstall()) install(missing)
report(missingParts(target))

function mayInstall(): boolean {
  return process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')
}

function install(wanted: Part[]): void {
  const packages = wanted.map((part) => part.package)
  console.log(`Installing for the tests: ${packages.join(' ')}`)
  const allowServices = forbidServices()
  try {
    aptGet('update', '-q')
    aptGet('install', '-q', '-y', '--no-install-recommends', ...packages)
  } catch (error) {
    console.error(`apt-get failed: ${error instanceof Error ? error.message : error}`)
  } finally {
    allowServices()
  }
}

/** Debian asks this file before it starts the service of a new package; 101 is "no". */
function forbidServices(): () => void {
  const policy = '/usr/sbin/policy-rc.d'
  if (existsSync(policy)) return () => {}
  writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  return () => rmSync(policy)
}

function aptGet(...args: string[]): void {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  execFileSync('apt-get', args, { env, stdio: ['ignore', 'ignore', 'inherit'] })
}

function report(missing: Part[]): void {
  if (missing.length === 0) return
  for (const part of missing)
    console.log(`Missing: ${part.path} (package ${part.package}). The tests that need it are skipped.`)
  if (process.env.CI === 'true') process.exitCode = 1
}
