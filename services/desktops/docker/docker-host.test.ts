import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { onEnd } from '../../../test/harness/teardown.ts'
import { tempFolder } from '../../../test/harness/temp-folder.ts'
import { openDockerHost } from './docker-host.ts'

// The page of everybody who has desktops asks for it, and hung with it for a minute.
test('a Docker that takes a connection and says nothing is away within seconds', async (t) => {
  const socket = join(await tempFolder(t), 'docker.sock')
  const taken: Socket[] = []
  const server = createServer((connection) => taken.push(connection)).listen(socket)
  onEnd(t, async () => {
    for (const connection of taken) connection.destroy()
    server.close()
  })
  await once(server, 'listening')
  const place = { socket, address: '127.0.0.1' }
  const host = openDockerHost({ name: 'local', place, folder: '/', instance: 'a'.repeat(36) })
  const began = performance.now()
  assert.equal((await host.findTrouble())?.kind, 'away')
  assert.ok(performance.now() - began < 20_000, `${performance.now() - began} ms`)
})
