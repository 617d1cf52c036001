import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'

/** Something outside npm that a test stands on: one line of test/setup/debian-packages.txt. */
export interface Part {
  name: string
  /** Debian package that brings it. */
  package: string
  /** File whose presence shows that it is there: mostly the program itself. */
  path: string
  /** The target that alone uses it; undefined for `make test`. */
  only: string | undefined
}

export const parts: readonly Part[] = readParts()

/**
 * Options for node:test: `test('…', { ...needs('nginx') }, …)` is skipped, and counted as skipped, where nginx is
 * missing. Under CI=true a missing part throws instead, so that no test is lost without a word.
 * Beside the parts of the list there is `netns`: the right to make network namespaces.
 */
export function needs(...names: string[]): { skip: false | string } {
  return skipFor(names.map(whyMissing).filter((reason) => reason !== undefined))
}

/** The decision itself: what is missing, in words, becomes a skip or an error. */
export function skipFor(missing: readonly string[]): { skip: false | string } {
  if (missing.length === 0) return { skip: false }
  const reason = missing.join('; ')
  if (process.env.CI === 'true') throw new Error(`A part is missing under CI=true: ${reason}`)
  return { skip: reason }
}

/** Path of a part's program, for spawning it. Throws if the list has no such part. */
export function pathOf(name: string): string {
  const part = parts.find((candidate) => candidate.name === name)
  if (!part) throw new Error(`test/setup/debian-packages.txt has no part "${name}"`)
  return part.path
}

/** The parts that this machine lacks: those of `make test`, and those of one more target. */
export function missingParts(target?: string): Part[] {
  return parts.filter(({ path, only }) => (only === undefined || only === target) && !existsSync(path))
}

function whyMissing(name: string): string | undefined {
  if (name === 'netns') {
    networkNamespaces ??= canMakeNamespaces()
    return networkNamespaces ? undefined : 'needs network namespaces (root, and the package iproute2)'
  }
  const path = pathOf(name)
  if (existsSync(path)) return undefined
  return `needs ${path} (package ${parts.find((part) => part.name === name)?.package})`
}

let networkNamespaces: boolean | undefined

function canMakeNamespaces(): boolean {
  const name = `gatehouse-probe-${process.pid}`
  try {
    execFileSync(pathOf('ip'), ['netns', 'add', name], { stdio: 'ignore' })
    execFileSync(pathOf('ip'), ['netns', 'delete', name], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

function readParts(): Part[] {
  const text = readFileSync(new URL('../setup/debian-packages.txt', import.meta.url), 'utf8')
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  let only: string | undefined
  return lines.flatMap((line) => {
    const heading = /^\[(.*)\]$/.exec(line)
    if (heading) {
      only = heading[1]
      return []
    }
    const [name = '', debianPackage = '', path = ''] = line.split(/\s+/)
    return [{ name, package: debianPackage, path, only }]
  })
}
