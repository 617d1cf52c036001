import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { SignJWT } from 'jose'
import { WebSocket, WebSocketServer } from 'ws'
import { passwordOf } from '../../../services/desktops/password.ts'
import { announce } from '../../../services/shared/announce.ts'
import { runCli } from '../../harness/cli.ts'
import { eventually } from '../../harness/eventually.ts'
import { openBrowser, visit } from '../../system/browser.ts'
import { keptImages, startEngine } from './docker.ts'
import { buildDesktop } from './images.ts'
import { type Scene, startScene } from './scene.ts'

/**
 * Measures what a desktop costs: from the click to the screen, a round trip of its WebSocket and the stream of its
 * screen through the proxy and beside it, and the memory of an open one in the proxy. `make desktop-figures`
 */

const undos: (() => void | Promise<void>)[] = []
const t = { after: (undo: () => void | Promise<void>) => void undos.push(undo) }
try {
  await measure()
} finally {
  for (const undo of undos) await undo()
}

async function measure(): Promise<void> {
  const engine = await startEngine(t, { data: keptImages })
  await buildDesktop(engine)
  const scene = await startScene(t, engine)
  await scene.addPeople('alice')
  await fromClickToScreen(scene)
  await beside(scene)
  await memory(scene)
}

async function fromClickToScreen(scene: Scene): Promise<void> {
  const browser = await openBrowser(t)
  const { page } = await visit(t, browser, `${scene.origin}/desktops/`)
  await page.getByLabel('Name').fill('alice')
  await page.getByLabel('Password').fill('password of alice')
  await page.getByRole('button', { name: 'Sign in' }).click()
  const card = page.locator('[data-type=debian]')
  for (let round = 0; round < 3; round++) {
    const began = performance.now()
    await card.getByRole('button', { name: 'Start', exact: true }).click()
    const open = card.getByRole('link', { name: 'Open' })
    await open.waitFor({ timeout: 60_000 })
    const ready = performance.now()
    const [window] = await Promise.all([page.context().waitForEvent('page'), open.click()])
    const isDrawn = `document.querySelector('canvas')?.getContext('2d').getImageData(300, 300, 1, 1).data[3] === 255`
    const shows = () => eventually(() => window.evaluate<boolean>(isDrawn), { timeout: 15_000, every: 20 })
    // A browser on the machine of the containers loses a script when one of their interfaces comes up: not counted.
    const isWhole = await shows().catch(() => undefined)
    const seen = performance.now()
    say(
      'from the click to Open',
      `${((ready - began) / 1000).toFixed(1)} s, to the screen ${isWhole ? `${((seen - began) / 1000).toFixed(1)} s` : '(lost a script)'}`,
    )
    await window.close()
    if (round === 2) break
    await card.getByRole('button', { name: 'Stop' }).click()
    await card.getByRole('button', { name: 'Start', exact: true }).waitFor({ timeout: 60_000 })
  }
}

/** The same VNC session through the proxy, and straight to the port of the container. */
async function beside(scene: Scene): Promise<void> {
  const alice = await scene.signIn('alice')
  await alice.until('debian', 'running')
  const row = (await scene.rows()).find(({ proxy_path }) => proxy_path === 'alice-debian') as unknown as {
    id: string
    generation: number
    host_port: number
  }
  const key = (await readFile(join(scene.folder, 'certs/desktops.key'), 'utf8')).trim()
  const authorization = `Basic ${Buffer.from(`kasm_user:${passwordOf(row, key)}`).toString('base64')}`
  const ways = {
    direct: await connect(`wss://127.0.0.1:${row.host_port}/websockify`, { authorization }),
    'through the proxy': await connect(
      `${scene.origin.replace('https', 'wss')}/desktop/alice-debian/websockify`,
      {
        cookie: alice.cookie,
        origin: scene.origin,
      },
    ),
  }
  for (let round = 0; round < 2; round++)
    for (const [way, vnc] of Object.entries(ways)) {
      const took: number[] = []
      for (let time = 0; time < 400; time++) {
        const began = performance.now()
        await vnc.frame(1, 1)
        took.push(performance.now() - began)
      }
      took.sort((a, b) => a - b)
      say(`round trip, ${way}`, `median ${took[200]?.toFixed(2)} ms, 95 % ${took[380]?.toFixed(2)} ms`)
      const began = performance.now()
      let bytes = 0
      for (let time = 0; time < 25; time++) bytes += await vnc.frame(1280, 800)
      const seconds = (performance.now() - began) / 1000
      say(`screen as raw pixels, ${way}`, `${Math.round(bytes / seconds / 1e6)} MB/s`)
    }
}

/** RFB 3.8 without a password: as much of it as asks for pixels. RFC 6143 §7. */
async function connect(address: string, headers: Record<string, string>) {
  const socket = new WebSocket(address, ['binary'], { rejectUnauthorized: false, headers })
  let buffer: Buffer = Buffer.alloc(0)
  let wake = () => {}
  socket.on('message', (piece: Buffer) => {
    buffer = buffer.length === 0 ? piece : Buffer.concat([buffer, piece])
    wake()
  })
  t.after(() => socket.terminate())
  const take = async (length: number): Promise<Buffer> => {
    while (buffer.length < length) await new Promise<void>((done) => (wake = done))
    const taken = buffer.subarray(0, length)
    buffer = buffer.subarray(length)
    return taken
  }
  await new Promise((done, fail) => socket.on('open', done).on('error', fail))
  await take(12)
  socket.send(Buffer.from('RFB 003.008\n'))
  await take((await take(1))[0] as number)
  socket.send(Buffer.from([1]))
  await take(4)
  socket.send(Buffer.from([1]))
  const init = await take(24)
  await take(init.readUInt32BE(20))
  // Raw pixels alone.
  socket.send(Buffer.from([2, 0, 0, 1, 0, 0, 0, 0]))
  return {
    /** Asks for a part of the screen, and answers how many bytes came. */
    async frame(width: number, height: number): Promise<number> {
      const request = Buffer.alloc(10)
      request[0] = 3
      request.writeUInt16BE(width, 6)
      request.writeUInt16BE(height, 8)
      socket.send(request)
      let bytes = 0
      for (;;) {
        const kind = (await take(1))[0]
        if (kind === 2) continue
        if (kind === 3) {
          await take(3)
          await take((await take(4)).readUInt32BE(0))
          continue
        }
        if (kind !== 0) throw new Error(`message ${kind}`)
        const rectangles = (await take(3)).readUInt16BE(1)
        for (let each = 0; each < rectangles; each++) {
          const head = await take(12)
          const length = head.readUInt16BE(4) * head.readUInt16BE(6) * 4
          await take(length)
          bytes += length
        }
        return bytes
      }
    },
  }
}

/** Tunnels through the route of desktops, quiet as a desktop is that nobody touches. */
async function memory(scene: Scene, tunnels = 1_000): Promise<void> {
  const server = createServer()
  new WebSocketServer({ server })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  t.after(() => server.closeAllConnections())
  const token = await runCli(['token', '--upstream', 'desktop', '--file', join(scene.folder, 'routes.yaml')])
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const announced = announce({
    upstream: 'desktop',
    key: 'load',
    url,
    admin: scene.admin,
    token: token.stdout.trim(),
  })
  t.after(() => announced.leave())
  await announced.heard
  const key = (await readFile(join(scene.folder, 'certs/desktops.key'), 'utf8')).trim()
  const cookie = `__Host-gatehouse_session=${await new SignJWT({ desktop: ['load'] })
    .setProtectedHeader({ alg: 'HS256' })
    .setAudience('gatehouse-desktops')
    .setExpirationTime('1h')
    .sign(Buffer.from(key))}`
  const open = async () => {
    const socket = new WebSocket(`${scene.origin.replace('https', 'wss')}/desktop/load/x`, {
      rejectUnauthorized: false,
      headers: { cookie, origin: scene.origin },
    })
    t.after(() => socket.terminate())
    await new Promise((done, fail) => socket.on('open', done).on('error', fail))
    return true
  }
  for (let warm = 0; warm < 50; warm++) await eventually(open)
  const before = await residentOf(scene)
  for (let at = 0; at < tunnels; at += 10)
    await Promise.all(Array.from({ length: 10 }, () => eventually(open, { timeout: 20_000 })))
  await new Promise((done) => setTimeout(done, 3_000))
  const after = await residentOf(scene)
  say(
    'memory in the proxy of an open desktop',
    `${Math.round((after - before) / tunnels)} KB (${tunnels} of them, TLS to the browser)`,
  )
}

/** Of all workers together, in KB, as the proxy's own metrics have it. */
async function residentOf(scene: Scene): Promise<number> {
  const { text } = await (await import('../../harness/request.ts')).request(`${scene.admin}/metrics`)
  let sum = 0
  for (const [, value = ''] of text.matchAll(/^process_resident_memory_bytes(?:\{[^}]*\})? (\S+)$/gm))
    sum += Number(value)
  return sum / 1024
}

function say(what: string, figure: string): void {
  process.stdout.write(`${what.padEnd(44)} ${figure}\n`)
}
