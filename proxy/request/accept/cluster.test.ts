import assert from 'node:assert/strict'
import cluster, { type Worker } from 'node:cluster'
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { test } from 'node:test'
import { connect } from 'node:tls'
import { eventually } from '../../../test/harness/eventually.ts'
import { certificatesFor } from '../../../test/harness/listening.ts'
import { rawRequest } from '../../../test/harness/raw-request.ts'
import { onEnd, type Teardown } from '../../../test/harness/teardown.ts'
import { schema } from '../../config/schema.ts'
import { loadCertificates } from '../../tls/certificates.ts'
import { createTicketKeys, readTicketKeys } from '../../tls/ticket-keys.ts'
import { openListeners } from './listeners.ts'

const get = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'

// One file, two lives: what the workers of the test below run is here.
if (cluster.isWorker) await work()
else
  test('workers share the ports and the sessions, and one that stops loses nothing', async (t) => {
    const { folder } = await certificatesFor(t, ['localhost'])
    const env = { TEST_FOLDER: folder, TEST_TICKETS: createTicketKeys().toString('base64') }
    const first = await startWorker(t, env)
    const second = await startWorker(t, env)
    assert.deepEqual(first.ports, second.ports)
    const [http, https] = first.ports as [number, number]

    const ask = async (): Promise<string> => (await rawRequest(http, get, { until: /pid \d+/ })).text
    const answers = new Set<string | undefined>()
    await eventually(async () => answers.add(/pid \d+/.exec(await ask())?.[0]).size === 2)

    // Connections are dealt out in turn, so of a few resumed ones some meet the other worker.
    const { session, pid } = await shake(t, https)
    const resumed = await Promise.all(Array.from({ length: 4 }, () => shake(t, https, session)))
    assert.ok(resumed.every(({ reused }) => reused))
    assert.ok(resumed.some((one) => one.pid !== pid))

    first.worker.send('stop')
    await once(first.worker, 'exit')
    for (let i = 0; i < 4; i++) assert.match(await ask(), new RegExp(`pid ${second.worker.process.pid}`))
  })

async function work(): Promise<void> {
  const folder = process.env.TEST_FOLDER as string
  const loopback = { port: 0, address: '127.0.0.1' }
  const { listeners, limits } = schema.parse({ listeners: { http: loopback, https: loopback }, routes: [] })
  const certificates = await loadCertificates({
    certificates: [{ cert: '0.crt', key: '0.key' }],
    folder,
    minVersion: 'TLSv1.2',
    selfSignedFor: [],
  })
  const open = await openListeners({
    listeners,
    limits,
    trustedProxies: [],
    certificates,
    ticketKeys: readTicketKeys(process.env.TEST_TICKETS as string),
    folder,
    serve: ({ response }) => void (response as ServerResponse).end(`pid ${process.pid}`),
  })
  process.send?.(open.listeners.map(({ port }) => port))
  process.on('message', async (message) => {
    if (message !== 'stop') return
    await open.close({ deadline: 1000 })
    process.disconnect()
  })
}

async function startWorker(t: Teardown, env: object): Promise<{ worker: Worker; ports: number[] }> {
  cluster.setupPrimary({ exec: import.meta.filename, execArgv: [], args: [] })
  const worker = cluster.fork({ ...env, NODE_TEST_CONTEXT: '' })
  onEnd(t, async () => {
    if (worker.isDead()) return
    worker.process.kill('SIGKILL')
    await once(worker, 'exit')
  })
  const [ports] = await once(worker, 'message')
  return { worker, ports }
}

async function shake(
  t: Teardown,
  port: number,
  session?: Buffer,
): Promise<{ session: Buffer | undefined; reused: boolean; pid: string | undefined }> {
  const socket = connect({
    port,
    host: '127.0.0.1',
    rejectUnauthorized: false,
    session,
    servername: 'localhost',
  })
  onEnd(t, () => void socket.destroy())
  let next: Buffer | undefined
  socket.on('session', (given) => {
    next = given
  })
  await once(socket, 'secureConnect')
  const reused = socket.isSessionReused()
  let text = ''
  socket.on('data', (chunk) => {
    text += chunk
  })
  socket.write(get)
  await once(socket, 'close')
  return { session: next, reused, pid: /pid \d+/.exec(text)?.[0] }
}
