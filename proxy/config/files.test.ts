import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { chmodSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { generate } from 'selfsigned'
import { tempFolder } from '../../test/harness/temp-folder.ts'
import { loadConfig } from './load.ts'

const text = `listeners: { https: { port: 0 } }
tls: { certificates: [{ cert: own.pem, key: own.key }] }
routes: [{ name: r, match: { host: [own.example, other.example] }, files: . }]
`

async function makePair(folder: string) {
  const pair = await generate([{ name: 'commonName', value: 'own.example' }], {
    keyType: 'ec',
    extensions: [{ name: 'subjectAltName', altNames: [{ type: 2, value: 'own.example' }] }],
  })
  writeFileSync(`${folder}/own.pem`, pair.cert)
  writeFileSync(`${folder}/own.key`, pair.private)
}

test('a certificate and its key pass, and its names are held against the hosts', async (t) => {
  const folder = await tempFolder(t)
  await makePair(folder)
  const result = await loadConfig({ file: `${folder}/r.yaml`, text })
  assert.ok(result.ok)
  assert.deepEqual(
    result.warnings.map(({ path, message }) => `${path}: ${message}`),
    ['routes[0].match.host[1]: "other.example" is in none of the certificates, so browsers will refuse it'],
  )
})

test("another's key is refused", async (t) => {
  const folder = await tempFolder(t)
  await makePair(folder)
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  writeFileSync(`${folder}/own.key`, privateKey.export({ type: 'pkcs8', format: 'pem' }))
  const result = await loadConfig({ file: `${folder}/r.yaml`, text })
  assert.ok(!result.ok)
  assert.deepEqual(
    result.problems.map(({ path, message, column }) => `${column} ${path}: ${message}`),
    ['45 tls.certificates[0].key: "own.key" is not the key of that certificate'],
  )
})

test('a key that may not be read is told so', { skip: process.getuid?.() === 0 }, async (t) => {
  const folder = await tempFolder(t)
  await makePair(folder)
  chmodSync(`${folder}/own.key`, 0)
  const result = await loadConfig({ file: `${folder}/r.yaml`, text })
  assert.match(result.ok ? '' : (result.problems[0]?.message ?? ''), /may not be read/)
})
