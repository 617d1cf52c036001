import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { sampleRecord } from '../../test/harness/sample-record.ts'
import { tempFolder } from '../../test/harness/temp-folder.ts'
import { jsonLine } from './line-json.ts'
import { linesFromEnd, parseLoggedExchange } from './logged-exchange.ts'

test('a line of the access log is read back as what was written', () => {
  const record = sampleRecord({
    decision: 'deny',
    denyPolicy: 'allow',
    denyReason: 'no network',
    observed: [{ policy: 'jwt', reason: 'no token' }],
  })
  const logged = parseLoggedExchange(jsonLine(record, true))
  assert.equal(logged?.request.client_ip, record.clientAddress)
  assert.equal(logged?.request.uri, record.uri)
  assert.equal(logged?.entrypoint, 'https')
  assert.equal(logged?.router, 'photos-api')
  assert.equal(logged?.deny_policy, 'allow')
  assert.deepEqual(logged?.observed, [{ policy: 'jwt', reason: 'no token' }])
})

test('a line that is none of ours is no exchange', () => {
  for (const line of ['', '{"ts":1', '[]', 'null', '{"request":{}}', '127.0.0.1 - - [10/Oct/2026]'])
    assert.equal(parseLoggedExchange(line), undefined)
})

test('lines come from the end, whole, however they lie in the file', async (t) => {
  const file = join(await tempFolder(t), 'log')
  // Longer than a piece, with characters of several bytes on its borders.
  const lines = Array.from({ length: 3000 }, (_, index) => `${index} ${'é€😀'.repeat(index % 40)}`)
  lines.push('x'.repeat(700_000), 'last')
  await writeFile(file, `${lines.join('\n')}\n`)
  const read: string[] = []
  for await (const line of linesFromEnd(file)) read.push(line)
  assert.deepEqual(read, lines.toReversed())
})
