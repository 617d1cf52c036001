import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { projectFolder } from '../system/shipped.ts'
import { anchorsOf, readDocument, readDocuments } from './documents.ts'

/** Paths of this project that git does not keep. */
const madeLater = readFileSync(join(projectFolder, '.gitignore'), 'utf8')
  .split('\n')
  .filter((line) => line.includes('/') && !line.startsWith('#'))
  .map((line) => line.replace(/^\//, ''))

/** Where each document leads to. Addresses outside are not asked for: a test must not hang on somebody's server. */

for (const document of readDocuments())
  test(`${document.path}: every link leads to a file and a heading that are there`, () => {
    const dead: string[] = []
    for (const [, to = ''] of document.prose.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(to)) continue
      const [file = '', anchor] = to.split('#')
      const path = file === '' ? document.path : join(dirname(document.path), file)
      if (!existsSync(join(projectFolder, path))) dead.push(`${to}: there is no ${path}`)
      else if (anchor !== undefined && !anchorsOf(readDocument(path)).has(anchor))
        dead.push(`${to}: ${path} has no such heading`)
    }
    // Files that are named in a sentence, or as the place of a rule; what git does not keep is made later.
    for (const [, path = ''] of document.prose.matchAll(/`((?:proxy|services|test|docs|deploy)\/[\w./-]+)`/g))
      if (!existsSync(join(projectFolder, path)) && !isMadeLater(path)) dead.push(`there is no ${path}`)
    assert.deepEqual(dead, [])
  })

function isMadeLater(path: string): boolean {
  return madeLater.some((ignored) => path.startsWith(ignored))
}
