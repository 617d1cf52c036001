import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { after, describe, test } from 'node:test'
import type { Page } from 'playwright-core'
import { eventually } from '../harness/eventually.ts'
import { freePort } from '../harness/free-port.ts'
import { needs, pathOf } from '../harness/parts.ts'
import { startProxy } from '../harness/proxy.ts'
import { request } from '../harness/request.ts'
import { onEnd, type Teardown } from '../harness/teardown.ts'
import { openBrowser, picture, visit } from './browser.ts'

/** A desktop that believes that it lives at /, shown in a browser below a prefix: noVNC, websockify and a real X server. */

const geometry = { width: 640, height: 480 }
const parts = needs('novnc', 'vnc', 'websockify', 'chromium', 'fonts')
const target = parts.skip ? 'http://127.0.0.1:9' : await startDesktop({ after })
const browser = parts.skip ? undefined : await openBrowser({ after })
const proxy = await startProxy(
  { after },
  `
  listeners: { https: { port: 0, address: 127.0.0.1 } }
  upstreams: { screen: { targets: ["${target}"] } }
  routes:
    - name: screen
      match: { path: "/desktop/:key" }
      forward: { prefix: strip }
      to: screen
      timeouts: { idle: 1h }
      policies: { securityHeaders: true }
  `,
)

describe('a desktop behind a stripped prefix', parts, () => {
  test('its page loads whole, and shows the screen', async (t) => {
    const address = `${proxy.url()}/desktop/alice/vnc.html?autoconnect=true&path=desktop/alice/websockify`
    const { page, complaints } = await visit(t, browser, address)
    // The root window is white; a canvas that nobody has drawn on is transparent.
    await eventually(async () => assert.deepEqual(await middleOf(page), white) === undefined, soon)
    await picture(t, page, 'desktop')
    assert.deepEqual(
      complaints.filter((text) => !/package\.json|404/.test(text)),
      [],
    )
  })

  test('its files come from below the prefix, and from nowhere else', async () => {
    assert.equal((await request(`${proxy.url()}/desktop/alice/app/ui.js`)).status, 200)
    assert.equal((await request(`${proxy.url()}/app/ui.js`)).status, 404)
  })

  test('the tunnel is one entry of the log, when it has ended', async (t) => {
    const { page } = await visit(
      t,
      browser,
      `${proxy.url()}/desktop/bob/vnc.html?autoconnect=true&path=desktop/bob/websockify`,
    )
    await eventually(async () => assert.deepEqual(await middleOf(page), white) === undefined, soon)
    await page.close()
    const line = await eventually(async () =>
      (await proxy.accessLog()).find(({ request }) =>
        (request as { uri: string }).uri.startsWith('/desktop/bob/websockify'),
      ),
    )
    assert.deepEqual([line.status, line.router, line.service], [101, 'screen', 'screen'])
    assert.ok(Number(line.size) > 100, `${line.size} bytes were sent`)
  })
})

const soon = { timeout: 15_000 }
const white = { ...geometry, colour: [255, 255, 255, 255] }

/** What noVNC draws on, and the colour in the middle of it. */
function middleOf(page: Page): Promise<unknown> {
  return page.evaluate(`(() => {
    const { width, height } = document.querySelector('canvas')
    const pen = document.querySelector('canvas').getContext('2d')
    return { width, height, colour: [...pen.getImageData(width / 2, height / 2, 1, 1).data] }
  })()`)
}

/** Answers the address of websockify, which serves noVNC's files and turns its WebSocket into VNC. */
async function startDesktop(t: Teardown): Promise<string> {
  const [vnc, web] = [await freePort(), await freePort()]
  const size = `${geometry.width}x${geometry.height}`
  // The display is a free one of its own choice, told on descriptor 3.
  const server = spawn(
    pathOf('vnc'),
    [
      '-displayfd',
      '3',
      '-rfbport',
      `${vnc}`,
      '-interface',
      '127.0.0.1',
      '-SecurityTypes',
      'None',
      '-geometry',
      size,
      '-wr',
    ],
    { stdio: ['ignore', 'ignore', 'ignore', 'pipe'] },
  )
  endWith(t, server)
  // It is told when the server is ready for clients.
  await once(server.stdio[3] as Readable, 'data')
  const bridge = spawn(
    pathOf('websockify'),
    ['--web', '/usr/share/novnc', `127.0.0.1:${web}`, `127.0.0.1:${vnc}`],
    { stdio: 'ignore' },
  )
  endWith(t, bridge)
  const address = `http://127.0.0.1:${web}`
  await eventually(async () => (await request(`${address}/vnc.html`)).status === 200, { timeout: 15_000 })
  return address
}

function endWith(t: Teardown, child: ChildProcess): void {
  onEnd(t, async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill()
    await once(child, 'exit')
  })
}
