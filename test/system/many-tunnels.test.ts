import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startProxy } from '../harness/proxy.ts'
import { request } from '../harness/request.ts'
import { startUpstream } from '../harness/upstream.ts'
import { openWebSocket } from '../harness/websocket.ts'

/** A desktop or a chat holds its tunnel for hours: that must not use up the connections that requests share. */
test('open tunnels take no place of requests, and `connections` does not bound them', async (t) => {
  const upstream = await startUpstream(t, (_request, response) => void response.end('served'), {
    websocket: () => {},
  })
  const proxy = await startProxy(
    t,
    `upstreams: { app: { targets: ["${upstream.url}"], connections: 1 } }
routes: [{ name: app, to: app }]`,
  )
  for (let open = 0; open < 8; open++) await openWebSocket(t, `${proxy.url().replace('http', 'ws')}/`)
  assert.equal((await request(proxy.url())).status, 200)
})
