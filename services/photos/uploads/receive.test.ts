import assert from 'node:assert/strict'
import fs from 'node:fs'
import { readdir } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { tempFolder } from '../../../test/harness/temp-folder.ts'
import { receive } from './receive.ts'

/** The file was removed while it was being opened: it came to be a moment later, and stayed for ever. */
test('of a form that breaks off nothing stays, however slowly its file is opened', async (t) => {
  const folder = await tempFolder(t)
  const { open } = fs
  let opened = 0
  t.mock.method(fs, 'open', (...args: Parameters<typeof open>) => {
    opened++
    setTimeout(() => open(...args), 50)
  })
  const part =
    '--b\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\nContent-Type: image/jpeg\r\n\r\n'
  const broken = Object.assign(Readable.from([Buffer.from(part), Buffer.alloc(100, 0xff)]), {
    headers: { 'content-type': 'multipart/form-data; boundary=b' },
  }) as unknown as IncomingMessage
  await assert.rejects(receive(broken, { folder, maxSize: 1_000_000, allowed: new Set(['jpeg']) }))
  assert.equal(opened, 1)
  await sleep(200)
  assert.deepEqual(await readdir(folder), [])
})
