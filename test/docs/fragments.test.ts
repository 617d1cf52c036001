import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseAllDocuments } from 'yaml'
import { toJsonSchema } from '../../proxy/config/json-schema.ts'
import { loadConfig } from '../../proxy/config/load.ts'
import { loadRouteTests, testFileOf } from '../../proxy/config/route-tests.ts'
import { tempFolder } from '../harness/temp-folder.ts'
import { projectFolder } from '../system/shipped.ts'
import { readDocuments } from './documents.ts'

/** What documents show of routes.yaml is checked as a file would be, and TypeScript is code that the compiler has seen. */

const keys = new Set(Object.keys((toJsonSchema() as { properties: object }).properties))
const examples = ['docs/examples']
  .flatMap((folder) =>
    readdirSync(join(projectFolder, folder)).map((name) => join(projectFolder, folder, name)),
  )
  .map((file) => plain(readFileSync(file, 'utf8')))

for (const { path, blocks } of readDocuments()) {
  for (const { text, line } of blocks.filter(({ language }) => language === 'yaml'))
    test(`${path}:${line} is YAML, and what is of routes.yaml passes its check`, async (t) => {
      const documents = parseAllDocuments(text, { merge: true })
      assert.deepEqual(
        documents.flatMap(({ errors }) => errors.map(({ message }) => message)),
        [],
      )
      const value: unknown = documents[0]?.toJS()
      const names = typeof value === 'object' && value !== null ? Object.keys(value) : []
      const file = join(await tempFolder(t), 'routes.yaml')
      if (names.length === 1 && names[0] === 'tests') {
        await writeFile(testFileOf(file), text)
        const read = await loadRouteTests(file, environmentOf(text))
        assert.deepEqual(read.ok ? [] : read.problems, [])
      } else if (names.length > 0 && names.every((name) => keys.has(name))) {
        const whole = [
          text,
          names.includes('listeners') ? '' : 'listeners: { http: { port: 80 }, https: { port: 443 } }',
          names.includes('routes') ? '' : 'routes: []',
        ].join('\n')
        const loaded = await loadConfig({ file, text: whole, env: environmentOf(text) })
        const problems = loaded.ok ? [] : loaded.problems
        // A fragment names files of its reader's.
        assert.deepEqual(
          problems.filter(({ message }) => !/is not there|not found/.test(message)),
          [],
        )
      }
    })

  for (const { text, line } of blocks.filter(({ language }) => language === 'ts'))
    test(`${path}:${line} stands in docs/examples as well, where it is compiled and run`, () => {
      assert.ok(examples.some((example) => example.includes(plain(text).trim())))
    })
}

/** Wherever it is imported from. */
function plain(code: string): string {
  return code.replace(/from '(?:\.\.?\/)+/g, "from './").replace(/\s+/g, ' ')
}

/** Every variable that a text names is set. */
function environmentOf(text: string): Record<string, string> {
  const names = text.matchAll(/(?:\$\{|env:)(\w+)/g)
  return Object.fromEntries(
    Array.from(names, ([, name = '']) => [name, 'a value of more than sixteen letters']),
  )
}
