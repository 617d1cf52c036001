import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { tempFolder } from '../../test/harness/temp-folder.ts'
import { type FleetKey, readFleetKey } from './fleet-key.ts'

test('what one proxy hides, one with the same key reads, as what it is and as nothing else', async (t) => {
  const folders = await Promise.all([tempFolder(t), tempFolder(t)])
  const [one, other] = (await Promise.all(
    folders.map(async (folder, at) => {
      await mkdir(join(folder, 'certs'))
      await writeFile(join(folder, 'certs/registration.key'), String(at).repeat(43))
      return readFleetKey(folder)
    }),
  )) as [FleetKey, FleetKey]
  const again = readFleetKey(folders[0] as string) as FleetKey
  const hidden = one.encrypt('certificate a.example', 'the key')
  assert.equal(again.decrypt('certificate a.example', hidden), 'the key')
  assert.notEqual(one.encrypt('certificate a.example', 'the key'), hidden)
  assert.equal(again.decrypt('certificate b.example', hidden), undefined)
  assert.equal(other.decrypt('certificate a.example', hidden), undefined)
  const bytes = Buffer.from(hidden, 'base64')
  for (let at = 0; at < bytes.length; at++) {
    const bent = Buffer.from(bytes)
    bent[at] = (bent[at] ?? 0) ^ 1
    assert.equal(one.decrypt('certificate a.example', bent.toString('base64')), undefined)
    assert.equal(one.decrypt('certificate a.example', bytes.subarray(0, at).toString('base64')), undefined)
  }
  assert.equal(one.decrypt('certificate a.example', 'no base64: ü'), undefined)
})
