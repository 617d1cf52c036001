import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { test } from 'node:test'
import { request } from '../../../test/harness/request.ts'
import { onEnd } from '../../../test/harness/teardown.ts'
import { tempFolder } from '../../../test/harness/temp-folder.ts'
import { createLogger } from '../../shared/logger.ts'
import { receiver } from './receive.ts'
import { sendersBy } from './senders.ts'
import { openSpool } from './spool.ts'

test('whoever gives up while they wait for their turn leaves it to those behind them', async (t) => {
  const log = createLogger({ service: 'test', level: 'error' })
  const spool = await openSpool({ folder: await tempFolder(t), limit: 100 << 20, log })
  onEnd(t, () => spool.close())
  const receive = receiver({ spool, senders: sendersBy({}), mostBody: 20 << 20, log })
  let begun = 0
  const server = createServer((asked, response) => {
    begun += 1
    void receive(asked, response)
  }).listen(0, '127.0.0.1')
  onEnd(t, () => {
    server.closeAllConnections()
    return new Promise((done) => server.close(() => done()))
  })
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo

  // Devices that tell no length, and of which an address has room for three at a time.
  const devices = Array.from({ length: 12 }, () => connect(port, '127.0.0.1'))
  const closed = devices.map((device) => once(device, 'close'))
  for (const device of devices)
    device.write('POST /hikvision HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n')
  while (begun < devices.length) await new Promise((done) => setTimeout(done, 10))
  for (const device of devices) device.destroy()
  await Promise.all(closed)

  // Each of the nine that waited would have its minute.
  const reply = await request(`http://127.0.0.1:${port}/hikvision`, {
    method: 'POST',
    body: Buffer.alloc(5 << 20, ' '),
    timeout: 45_000,
  })
  assert.equal(reply.status, 200)
})
