import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { test } from 'node:test'
import { eventually } from '../../../test/harness/eventually.ts'
import { writeCopy } from './spare-buffers.ts'

test('bytes arrive as they were, though they are overwritten at once and the reader is slow', async (t) => {
  const server = createServer((socket) => void sockets.push(socket))
  const sockets: Socket[] = []
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const reader = connect((server.address() as AddressInfo).port, '127.0.0.1')
  t.after(() => reader.destroy())
  await eventually(() => sockets.length === 1)
  const [writer] = sockets as [Socket]
  t.after(() => writer.destroy())

  const sent: Buffer[] = []
  const received: Buffer[] = []
  const room = Buffer.alloc(100_000)
  // More than the kernel keeps, so that some wait in the process while others are copied.
  for (let i = 0; i < 100; i++) {
    const part = randomBytes(1 + ((i * 7919) % room.length))
    part.copy(room)
    writeCopy(writer, room.subarray(0, part.length))
    room.fill(0)
    sent.push(part)
    if (i % 10 === 0) await new Promise((resolve) => setImmediate(resolve))
    if (i === 50) reader.on('data', (bytes: Buffer) => received.push(bytes))
  }
  writer.end()
  await once(reader, 'end')
  assert.ok(Buffer.concat(sent).equals(Buffer.concat(received)))
})
