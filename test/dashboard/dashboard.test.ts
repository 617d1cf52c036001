import assert from 'node:assert/strict'
import { get } from 'node:http'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import axe from 'axe-core'
import type { Page } from 'playwright-core'
import type { FollowedExchange } from '../../proxy/observability/followed-exchanges.ts'
import { runCli, startCli } from '../harness/cli.ts'
import { eventually } from '../harness/eventually.ts'
import { freePort } from '../harness/free-port.ts'
import { type Ask, request } from '../harness/request.ts'
import { onEnd, type Teardown } from '../harness/teardown.ts'
import { tempFolder } from '../harness/temp-folder.ts'
import { inBrowser, isTooWide, openBrowser, picture, screens, visit } from '../system/browser.ts'
import { startServing } from '../system/command.ts'
import { startScene, startTraffic } from './scene.ts'

/** The dashboard of a real Gatehouse: who may see it, what it shows, and its twins in a terminal. */

const scene = await startScene({ after })
const api = `${scene.admin}/dashboard/api`
const cookie = await scene.signIn()

const call = (path: string, { json, ...ask }: Ask & { json?: unknown } = {}) =>
  request(`${api}/${path}`, {
    method: json === undefined ? 'GET' : 'POST',
    body: json === undefined ? undefined : JSON.stringify(json),
    ...ask,
    headers: { 'content-type': 'application/json', ...ask.headers },
  })

const question = { json: { url: `${scene.plain}/camera` } }

describe('who may see the dashboard', () => {
  const strangers: [who: string, headers: Record<string, string>][] = [
    ['without a cookie', {}],
    ['with a cookie that is not signed', { cookie: cookie.replace(/\.[^.]+$/, '.') }],
    ['with a cookie whose signature is another', { cookie: `${cookie.slice(0, -3)}AAA` }],
    ['with a cookie of another user', { cookie: cookie.replace(/=[^.]+/, '=cm9vdA') }],
    ['with a cookie of a later end', { cookie: cookie.replace(/\.\d+\./, '.9999999999.') }],
    ['with the cookie as a token', { authorization: `Bearer ${cookie.split('=')[1]}` }],
  ]
  for (const [who, headers] of strangers)
    test(`whoever comes ${who} is asked to sign in`, async () => {
      for (const path of ['stream', 'stream?follow=1']) {
        const { status, text } = await call(path, { headers })
        assert.equal(status, 401)
        assert.doesNotMatch(text, /camera/)
      }
      assert.equal((await call('test', { ...question, headers })).status, 401)
      assert.deepEqual(JSON.parse((await call('session', { headers })).text), { user: null })
    })

  test('a page of another origin gets nothing, whatever cookie the browser sends', async () => {
    const foreign: Record<string, string>[] = [
      { 'sec-fetch-site': 'cross-site' },
      // Another port of this machine is the same site, and SameSite lets its cookies come.
      { 'sec-fetch-site': 'same-site' },
      { origin: 'http://evil.example' },
      { origin: scene.plain },
      { origin: 'null' },
    ]
    for (const headers of foreign) {
      assert.equal((await call('test', { ...question, headers: { cookie, ...headers } })).status, 403)
      assert.equal((await call('stream', { headers: { cookie, ...headers } })).status, 403)
    }
    // A form of another page can send text, and no JSON.
    const { status } = await call('session', {
      json: { user: 'admin', password: scene.password },
      headers: { 'content-type': 'text/plain' },
    })
    assert.equal(status, 400)
    assert.equal((await call('test', { ...question, headers: { cookie, origin: scene.admin } })).status, 200)
  })

  test('a name that somebody lets point here is not served', async () => {
    for (const path of ['/dashboard/', '/dashboard/api/session', '/dashboard/api/stream']) {
      const headers = { host: 'evil.example', cookie }
      assert.equal((await request(`${scene.admin}${path}`, { headers })).status, 421)
    }
  })

  test('the cookie is for this page alone, and for no script', async () => {
    const { headers } = await call('session', { json: { user: 'admin', password: scene.password } })
    assert.match(
      headers['set-cookie']?.[0] ?? '',
      /^gatehouse_session=[\w-]+\.\d{10}\.[\w-]{43}; Max-Age=43200; Path=\/dashboard; HttpOnly; SameSite=Strict$/,
    )
  })

  test('scripts and Prometheus go on without a password', async () => {
    for (const path of ['/healthz', '/readyz', '/metrics', '/v1/routes', '/v1/upstreams'])
      assert.equal((await request(scene.admin + path)).status, 200, path)
  })
})

test('no secret is in it: no query, no field, no cookie, no value that a route adds', async (t) => {
  const told = follow(t, '?follow=1')
  await eventually(() => told.text.includes('event: figures'))
  startTraffic(t, scene, 40)
  await scene.edit(scene.table.replace('scene-secret-key', 'scene-secret-other'))
  await eventually(() => told.text.includes('a value that is not shown'), { timeout: 30_000 })
  await eventually(() => told.text.includes('/photos/album'), { timeout: 30_000 })
  await scene.edit(scene.table)
  const tested = await call('test', {
    json: { url: `${scene.plain}/photos/1?token=scene-secret-token` },
    headers: { cookie },
  })
  assert.match(JSON.parse(tested.text).sent.fields.join(), /x-api-key/i)
  for (const text of [told.text, tested.text]) assert.doesNotMatch(text, /scene-secret/)
})

describe('the twins in a terminal', () => {
  const cwd = scene.folder
  const admin = ['--admin', scene.admin]

  test('gatehouse top shows routes, upstreams and workers, as a table or as JSON', async (t) => {
    startTraffic(t, scene, 40)
    const { code, stdout } = await runCli(['top', '--once', ...admin], { cwd })
    assert.equal(code, 0)
    assert.match(stdout, /^route +req\/s +4xx\/s +5xx\/s +p50 +p99 +in all +goes to$/m)
    assert.match(stdout, /^worker +state +memory +for\n\d+ +ready/m)
    // It is no terminal: nothing that only a terminal understands.
    assert.ok(!stdout.includes('\u001b'))
    await eventually(async () => {
      const json = JSON.parse((await runCli(['top', '--once', '--json', ...admin], { cwd })).stdout)
      assert.ok(json.total.perSecond > 0 && json.routes.some(({ p50 }: { p50?: number }) => (p50 ?? 0) > 0))
      assert.equal(json.workers.length, 2)
      return true
    })
  })

  test('gatehouse tail follows what fits its filters, a line each', async (t) => {
    const tail = startCli(t, ['tail', '--json', '--status', '4xx', '--from', '127.0.0.20', ...admin], { cwd })
    const seen = (): FollowedExchange[] =>
      tail.output.stdout
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line))
    await eventually(async () => {
      await request(`${scene.plain}/hikvision/door?pin=1234`, { from: '127.0.0.20' })
      await request(`${scene.plain}/hikvision/door`, { from: '127.0.0.21' })
      await request(`${scene.plain}/open`, { from: '127.0.0.20' })
      return seen().length >= 2
    })
    for (const { client, status, route, request: asked, policy } of seen())
      assert.deepEqual(
        [client, status, route, asked?.path, policy],
        ['127.0.0.20', 403, 'hikvision', '/hikvision/door', 'allow'],
      )
  })

  // A Gatehouse that was killed, and not stopped, ended them; while one was away they said so each second.
  test('they wait for a Gatehouse that is killed, say so once, and go on when it is there again', async (t) => {
    const folder = await tempFolder(t)
    const [port, adminPort] = [await freePort(), await freePort()]
    const table = `listeners: { http: { port: ${port}, address: 127.0.0.1 } }
admin: { port: ${adminPort} }
workers: 1
routes: [{ name: all, redirect: "https://example.com/" }]
`
    const first = await startServing(t, table, { folder })
    const tail = startCli(t, ['tail', '--json'], { cwd: folder })
    const ask = () => request(`http://127.0.0.1:${port}/`)
    await eventually(async () => (await ask()) && tail.output.stdout !== '', { timeout: 20_000, every: 200 })
    await first.stop('SIGKILL')
    await tail.said(/it ended the connection; trying again[\s\S]*nobody answers at .*; trying again/, 20_000)
    await startServing(t, table, { folder })
    await tail.said(/it is there again/, 20_000)
    const seen = tail.output.stdout.length
    await eventually(async () => (await ask()) && tail.output.stdout.length > seen, {
      timeout: 20_000,
      every: 200,
    })
    // Beside the two it may have met one that was still starting.
    assert.ok((tail.output.stderr.match(/trying again/g)?.length ?? 9) <= 3, tail.output.stderr)
  })

  test('they say what is wrong: no key, nobody there, a filter that means nothing', async () => {
    const elsewhere = await runCli(['top', '--once', ...admin], { cwd: join(cwd, 'data') })
    assert.deepEqual([elsewhere.code, /there is no certs\/dashboard\.key/.test(elsewhere.stderr)], [2, true])
    const nobody = await runCli(['tail', '--admin', 'http://127.0.0.1:1'], { cwd })
    assert.deepEqual([nobody.code, /nobody answers/.test(nobody.stderr)], [2, true])
    const senseless = await runCli(['tail', '--status', '7xx', ...admin], { cwd })
    assert.deepEqual([senseless.code, /is no status/.test(senseless.stderr)], [2, true])
  })
})

describe('the page', inBrowser, async () => {
  const browser = await openBrowser({ after })

  test('shows what happens: rates, an exchange, a refused reload, the tester', async (t) => {
    const { page, complaints } = await visit(t, browser, scene.page, { viewport: screens.desk })
    await signIn(page)
    await page.locator('.connection.live').waitFor()
    startTraffic(t, scene, 40)
    const rate = page.locator('.tile dd').first()
    await eventually(async () => Number.parseFloat((await rate.textContent()) ?? '') > 5)
    await page.getByRole('img', { name: /^Requests per second over/ }).waitFor()

    await page.getByLabel('Status').selectOption('403')
    await page.getByLabel('Client').fill('127.0.0.40')
    await page.getByRole('button', { name: 'Follow', exact: true }).click()
    const exchange = page.locator('.exchanges summary').first()
    await eventually(async () => {
      await request(`${scene.plain}/hikvision/door?token=scene-secret-token`, { from: '127.0.0.40' })
      return (await exchange.count()) > 0
    })
    await exchange.click()
    await page.getByText('127.0.0.40 is in no allowed network').first().waitFor()

    await scene.edit(scene.table.replace('127.0.0.0/28', '127.0.0.0/99'))
    await page.getByText('has a prefix length outside 0 to 32').first().waitFor({ timeout: 30_000 })
    await scene.edit(scene.table)
    await page.getByText('the file is again what runs').waitFor({ timeout: 30_000 })

    await page.getByLabel('URL').fill(`${scene.plain}/hikvision`)
    await page.getByLabel('From').fill('10.1.2.3')
    await page.getByRole('button', { name: 'Test', exact: true }).click()
    await page.getByText('403 address_denied, by allow.').waitFor()

    assert.deepEqual(await seriousFaults(page), [])
    assert.equal(await isTooWide(page), false)
    await picture(t, page, 'dashboard-desk')
    assert.deepEqual(complaints, [])
    assert.doesNotMatch(await page.content(), /scene-secret/)
  })

  test('fits a phone, in the dark, and says so when the stream is lost', async (t) => {
    const { page } = await visit(t, browser, scene.page, {
      viewport: { width: 360, height: 740 },
      colorScheme: 'dark',
    })
    assert.deepEqual(await seriousFaults(page), [])
    await signIn(page)
    await page.getByRole('heading', { name: 'Routes' }).waitFor()
    assert.equal(await isTooWide(page), false)
    assert.deepEqual(await seriousFaults(page), [])
    const long = '{ host: photos.staging.example.com, path: /api/v1/authentication }'
    await scene.edit(`${scene.table}  - { name: far, match: ${long}, listeners: [https], to: photos }\n`)
    await page.getByText('photos.staging.example.com/').first().waitFor()
    await picture(t, page, 'dashboard-hand')
    // An address goes to the next line between its words: each is a text of its own.
    const torn = await page.evaluate(tornWords)
    assert.deepEqual(torn, [])
    await scene.edit(scene.table)
    const { pid } = JSON.parse((await request(`${scene.admin}/v1/workers`)).text)
    process.kill(pid, 'SIGSTOP')
    try {
      await page.getByText('Connection lost, trying again…').waitFor({ timeout: 20_000 })
    } finally {
      process.kill(pid, 'SIGCONT')
    }
    await page.locator('.connection.live').waitFor({ timeout: 20_000 })
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByRole('button', { name: 'Sign in' }).waitFor()
  })
})

// The last, because nobody signs in for a while after it.
test('passwords cannot be tried by the hundred, not even at once', async () => {
  const tries = Array.from({ length: 40 }, (_, at) =>
    call('session', { json: { user: 'admin', password: `guess-${at}` } }),
  )
  const statuses = (await Promise.all(tries)).map(({ status }) => status)
  const judged = statuses.filter((status) => status === 401).length
  assert.ok(judged >= 1 && judged <= 12, `${judged} were judged`)
  assert.equal(statuses.filter((status) => status === 429).length, 40 - judged)
  const { status, headers } = await call('session', { json: { user: 'admin', password: scene.password } })
  assert.equal(status, 429)
  assert.ok(Number(headers['retry-after']) >= 1)
  // Who is in stays in.
  assert.equal((await call('test', { ...question, headers: { cookie } })).status, 200)
})

/** By keyboard. */
async function signIn(page: Page): Promise<void> {
  await page.getByLabel('Name').fill('admin')
  await page.keyboard.press('Tab')
  await page.keyboard.type(scene.password)
  await page.keyboard.press('Enter')
  await page.locator('.page-head').waitFor()
}

/** What axe finds that keeps somebody from using the page. */
async function seriousFaults(page: Page): Promise<string[]> {
  await page.evaluate(axe.source)
  const { violations } = (await page.evaluate('axe.run()')) as {
    violations: { id: string; impact: string; nodes: { html: string }[] }[]
  }
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`)
}

/** The stream, as a page reads it. */
function follow(t: Teardown, query: string): { text: string } {
  const told = { text: '' }
  const asked = get(`${api}/stream${query}`, { headers: { cookie } }, (response) => {
    response.setEncoding('utf8')
    response.on('data', (chunk: string) => {
      told.text += chunk
    })
    response.on('error', () => {})
  })
  asked.on('error', () => {})
  onEnd(t, async () => void asked.destroy())
  return told
}

/** In the page: words of the addresses of routes that stand on two lines. */
const tornWords = `[...document.querySelectorAll('#routes .under')].flatMap(({ childNodes }) =>
  [...childNodes].filter((node) => {
    const range = document.createRange()
    range.selectNodeContents(node)
    return node.nodeType === 3 && range.getClientRects().length > 1
  }).map((node) => node.data))`
