import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { onEnd } from '../../test/harness/teardown.ts'
import { answers } from './probe.ts'

// What runs in a desktop is its user's. One answer was waited for without end, and six of those for all desktops.
test('a page answers with 2xx, and with nothing else, whatever it does to whoever asks', async (t) => {
  const switching = 'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n'
  const server = createServer(({ url }, response) => {
    if (url === '/switches') response.socket?.end(switching)
    else if (url === '/hangs-up') response.destroy()
    else response.writeHead(Number(url?.slice(1))).end()
  }).listen(0, '127.0.0.1')
  onEnd(t, () => {
    server.closeAllConnections()
    server.close()
  })
  await once(server, 'listening')
  const found = ['200', '204', '302', '401', '503', 'hangs-up', 'switches'].map((path) =>
    answers(`http://127.0.0.1:${(server.address() as AddressInfo).port}/${path}`, {}),
  )
  assert.deepEqual(await Promise.all(found), [true, true, false, false, false, false, false])
})
