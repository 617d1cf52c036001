import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { tempFolder } from '../../test/harness/temp-folder.ts'
import { runSchema, schemaFile } from './schema.ts'

function listen() {
  const said = { out: [] as string[], err: [] as string[] }
  const io = {
    out: (line: string) => said.out.push(line),
    err: (line: string) => said.err.push(line),
    colour: false,
  }
  return { said, io }
}

test('what is printed is the file that comes with Gatehouse', async () => {
  const { said, io } = listen()
  assert.equal(await runSchema({ check: false, json: false }, io), 0)
  assert.equal(`${said.out.join('\n')}\n`, readFileSync(schemaFile, 'utf8'))
})

test('a file that was written passes, and one that was edited does not', async (t) => {
  const write = `${await tempFolder(t)}/schema.json`
  const { said, io } = listen()
  assert.equal(await runSchema({ json: false, check: true, write }, io), 1)
  assert.equal(await runSchema({ json: false, check: false, write }, io), 0)
  assert.equal(await runSchema({ json: false, check: true, write }, io), 0)
  writeFileSync(write, readFileSync(write, 'utf8').replace('integer', 'number'))
  assert.equal(await runSchema({ json: false, check: true, write }, io), 1)
  assert.match(said.err.join('\n'), /is not the one that the code makes/)
})

test("the extensions of a routes.yaml are in its schema, and a broken file's are not guessed", async (t) => {
  const folder = await tempFolder(t)
  writeFileSync(`${folder}/team.js`, `export default { kind: 'policy', create: () => ({}) }`)
  const text = `listeners: { https: { port: 0 } }
extensions: { team: team.js }
routes: [{ name: r, files: . }]
`
  writeFileSync(`${folder}/r.yaml`, text)
  const { said, io } = listen()
  assert.equal(await runSchema({ json: false, check: false, file: `${folder}/r.yaml` }, io), 0)
  assert.ok(JSON.parse(said.out.join('\n')).definitions.policies.properties.team)
  writeFileSync(`${folder}/r.yaml`, text.replace('files', 'fils'))
  assert.equal(await runSchema({ json: false, check: false, file: `${folder}/r.yaml` }, io), 2)
})

test('that of routes.test.yaml stands beside it, and tells each state of an upstream', async () => {
  const { said, io } = listen()
  assert.equal(await runSchema({ check: false, json: false, tests: true }, io), 0)
  const { upstream } = JSON.parse(said.out.join('\n')).properties.tests.items.properties
  assert.match(upstream.description, /`away` has no target/)
  assert.equal(await runSchema({ check: true, json: false }, io), 0)
})
