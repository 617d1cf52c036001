import assert from 'node:assert/strict'
import { once } from 'node:events'
import fs from 'node:fs'
import { readdir } from 'node:fs/promises'
import { createServer, type IncomingMessage } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { eventually } from '../../../test/harness/eventually.ts'
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

/**
 * The proxy had sent all of a picture before it heard that it was refused, and kept the connection. Nobody had read the
 * rest, so the service never heard the next request on it, and that was answered with 502 when the connection was closed.
 */
test('after a refusal in the middle of a form, the next request on the connection is heard', async (t) => {
  const folder = await tempFolder(t)
  const settings = { folder, maxSize: 1_000_000, allowed: new Set(['jpeg'] as const) }
  const server = createServer((request, response) => {
    if (request.method === 'GET') return void response.end('heard')
    receive(request, settings).catch(() => response.writeHead(400).end())
  }).listen(0, '127.0.0.1')
  t.after(() => server.close())
  await once(server, 'listening')
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  t.after(() => socket.destroy())
  let said = ''
  socket.setEncoding('utf8').on('data', (text: string) => {
    said += text
  })
  const part =
    '--b\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\nThis is no picture.'
  const rest = 'x'.repeat(200_000)
  socket.write(
    `POST / HTTP/1.1\r\nHost: h\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: ${part.length + rest.length}\r\n\r\n${part}`,
  )
  await eventually(() => said.startsWith('HTTP/1.1 400'))
  socket.write(`${rest}GET / HTTP/1.1\r\nHost: h\r\n\r\n`)
  await eventually(() => said.endsWith('heard'), { timeout: 4_000 })
})
