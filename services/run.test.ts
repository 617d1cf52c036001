import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { onEnd } from '../test/harness/teardown.ts'

test('a second `make run` says that one runs already, and starts nothing', async (t) => {
  // Its services announced themselves to the first proxy, and the reason stood in the middle of their complaints.
  const first = createServer((_, response) => response.end('ok')).listen(0, '127.0.0.1')
  onEnd(t, () => void first.close())
  await once(first, 'listening')
  const env = { ...process.env, ADMIN_PORT: String((first.address() as AddressInfo).port) }
  const second = spawn(process.execPath, [new URL('run.ts', import.meta.url).pathname], { env })
  let said = ''
  for (const stream of [second.stdout, second.stderr])
    stream.setEncoding('utf8').on('data', (text) => (said += text))
  const [code] = await once(second, 'close')
  assert.equal(code, 2)
  assert.match(
    said,
    /^A Gatehouse runs here already: it answers at http:\/\/127\.0\.0\.1:\d+\. Stop it, or .*\n$/,
  )
})
