import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { promisify } from 'node:util'
import axe from 'axe-core'
import type { Page } from 'playwright-core'
import { eventually } from '../../harness/eventually.ts'
import { needs, pathOf } from '../../harness/parts.ts'
import { isTooWide, picture, screens, visit } from '../../system/browser.ts'
import { openCameraBrowser, startScene } from './scene.ts'

/** The camera page, as a person has it: a real browser with a camera, the real proxy, the real service. */

const parts = needs('chromium', 'fonts', 'ffprobe')
const isPossible = parts.skip === false
// Small chunks, so that a recording of seconds is many of them.
const scene = isPossible ? await startScene({ after }, { MAX_CHUNK: '32768' }) : undefined
const browser = isPossible ? await openCameraBrowser({ after }) : undefined
const { https = '', plain = '' } = scene ?? {}

describe('the camera page', parts, () => {
  for (const [screen, viewport] of Object.entries(screens))
    test(`shows how good the picture is, records, pauses and plays it, on a ${screen}`, async (t) => {
      const { page, complaints } = await visit(t, browser, https, { viewport, colorScheme: 'light' })
      await page.getByText(/of 100/).waitFor({ timeout: 30_000 })
      assert.equal(await page.locator('meter').count(), 5)
      await page.getByText('whether or not they are a face').waitFor()
      await page.getByRole('button', { name: 'Record', exact: true }).click()
      await hasRunFor(page, 2)
      await page.getByRole('button', { name: 'Pause', exact: true }).click()
      await page.getByText('Paused').waitFor()
      await picture(t, page, `camera-recording-${screen}`)
      assert.deepEqual(await seriousFaults(page), [])
      await page.getByRole('button', { name: 'Go on', exact: true }).click()
      await hasRunFor(page, 4)
      await page.getByRole('button', { name: 'Stop', exact: true }).click()
      await page.getByText('Saved').waitFor({ timeout: 30_000 })
      await page.getByRole('button', { name: /^Play/ }).click()
      await eventually(() => page.evaluate('document.querySelector(".recordings video").currentTime > 0.5'), {
        timeout: 15_000,
      })
      await picture(t, page, `camera-saved-${screen}`)
      assert.deepEqual(await seriousFaults(page), [])
      assert.equal(await isTooWide(page), false)
      assert.deepEqual(complaints, [])
    })

  test('is as readable in the dark', async (t) => {
    const { page } = await visit(t, browser, https, { viewport: screens.hand, colorScheme: 'dark' })
    await page.getByText(/of 100/).waitFor({ timeout: 30_000 })
    await picture(t, page, 'camera-dark')
    assert.deepEqual(await seriousFaults(page), [])
  })

  test('keeps what it records while the service is killed, and sends it when that is back', async (t) => {
    const before = await recordings()
    const { page } = await visit(t, browser, https)
    await page.getByRole('button', { name: 'Record', exact: true }).click({ timeout: 30_000 })
    await eventually(async () => Number(await page.locator('progress').getAttribute('value')) > 0, {
      timeout: 20_000,
    })
    await scene?.service.kill()
    await page.getByText('It is kept in this browser').waitFor({ timeout: 20_000 })
    await picture(t, page, 'camera-waits')
    await page.getByRole('button', { name: 'Stop', exact: true }).click()
    await scene?.service.start()
    await scene?.isThere()
    await page.getByText('Saved').waitFor({ timeout: 40_000 })
    assert.ok((await secondsOf(await newOne(before))) > 1)
  })

  test('goes on after a reload in the middle of a recording, without a network', async (t) => {
    const before = await recordings()
    const { page } = await visit(t, browser, https)
    await page.getByRole('button', { name: 'Record', exact: true }).click({ timeout: 30_000 })
    await eventually(async () => Number(await page.locator('progress').getAttribute('value')) > 0, {
      timeout: 20_000,
    })
    await page.context().setOffline(true)
    await hasRunFor(page, 4)
    // The page has to come from somewhere; what it kept has to be there when it does.
    await page.context().setOffline(false)
    await page.reload()
    await page.getByText('A recording was cut off when the page closed').waitFor({ timeout: 20_000 })
    await page.getByText('Saved').waitFor({ timeout: 30_000 })
    // What the browser had not handed over yet went with the page, so the last frame may be half.
    assert.ok((await secondsOf(await newOne(before), /^$|File ended prematurely/)) > 1)
    await page.reload()
    await page.getByText('Saved').waitFor({ timeout: 20_000 })
    assert.equal(await page.locator('progress').count(), 0, 'nothing is left to send')
  })

  test('sends all of it to a new session when its own is gone', async (t) => {
    const before = await recordings()
    const { page } = await visit(t, browser, https)
    await page.getByRole('button', { name: 'Record', exact: true }).click({ timeout: 30_000 })
    await eventually(async () => Number(await page.locator('progress').getAttribute('value')) > 0, {
      timeout: 20_000,
    })
    await page.evaluate(
      'localStorage.setItem("camera.session", JSON.stringify({ id: crypto.randomUUID(), token: "A".repeat(43) }))',
    )
    await page.getByRole('button', { name: 'Stop', exact: true }).click()
    await page.getByText('Saved').waitFor({ timeout: 30_000 })
    assert.ok((await secondsOf(await newOne(before))) > 0.5)
  })

  test('deletes a recording when it was asked twice', async (t) => {
    const { page } = await visit(t, browser, https)
    await page.getByRole('button', { name: 'Record', exact: true }).click({ timeout: 30_000 })
    await hasRunFor(page, 1)
    await page.getByRole('button', { name: 'Stop', exact: true }).click()
    await page.getByText('Saved').waitFor({ timeout: 30_000 })
    const before = await recordings()
    await page.getByRole('button', { name: /^Delete/ }).click()
    await page.getByRole('button', { name: /^Keep/ }).click()
    assert.deepEqual(await recordings(), before)
    await page.getByRole('button', { name: /^Delete/ }).click()
    await page.getByRole('button', { name: /^Delete for good/ }).click()
    await page.getByText('None yet').waitFor({ timeout: 10_000 })
    assert.equal((await recordings()).length, before.length - 1)
  })

  test('is the same on the plain listener of one port, for the machine itself', async (t) => {
    const { page, complaints } = await visit(t, browser, plain)
    await page.getByRole('button', { name: 'Record', exact: true }).click({ timeout: 30_000 })
    await hasRunFor(page, 1)
    await page.getByRole('button', { name: 'Stop', exact: true }).click()
    await page.getByText('Saved').waitFor({ timeout: 30_000 })
    assert.deepEqual(complaints, [])
  })
})

describe('the camera page says what to do', parts, () => {
  const rows: [
    why: string,
    options: Parameters<typeof openCameraBrowser>[1],
    address: () => string,
    words: RegExp,
  ][] = [
    ['when there is no camera', { camera: 'none' }, () => https, /There is no camera/],
    ['when the camera is refused', { camera: 'refused' }, () => https, /The camera is not allowed here/],
    [
      'when the page is not encrypted and not of this machine',
      { names: 'camera.example' },
      () => `http://camera.example:${scene?.ports.plain}`,
      /This address cannot show a camera/,
    ],
  ]
  for (const [why, options, address, words] of rows)
    test(why, async (t) => {
      const other = await openCameraBrowser(t, options)
      const { page } = await visit(t, other, address(), { viewport: screens.hand })
      await page.getByRole('heading', { name: words }).waitFor({ timeout: 20_000 })
      await picture(t, page, `camera-${why.split(' ').at(-1)}`)
      assert.deepEqual(await seriousFaults(page), [])
      assert.equal(await page.getByText('Recordings').count(), 1, 'what was recorded is there all the same')
    })
})

/** At least so many seconds: a busy browser shows no second twice, and not each of them. */
async function hasRunFor(page: Page, seconds: number): Promise<void> {
  await page.getByText(new RegExp(`^(0:0[${seconds}-9]|0:[1-5]\\d)`)).waitFor({ timeout: 40_000 })
}

const folder = () => join(scene?.service.folder ?? '', 'recordings')

async function recordings(): Promise<string[]> {
  return (await readdir(folder())).filter((name) => name.endsWith('.webm'))
}

async function newOne(before: readonly string[]): Promise<string> {
  const added = (await recordings()).filter((name) => !before.includes(name))
  assert.equal(added.length, 1, `${added}`)
  return join(folder(), String(added[0]))
}

/** Length of what a recording shows, by its last frame: a browser writes no length into the head of a stream. */
async function secondsOf(file: string, complaints = /^$/): Promise<number> {
  const args = [
    '-v',
    'error',
    '-select_streams',
    'v',
    '-show_entries',
    'packet=pts_time',
    '-of',
    'csv=p=0',
    file,
  ]
  const { stdout, stderr } = await promisify(execFile)(pathOf('ffprobe'), args)
  assert.match(stderr, complaints, 'what ffprobe complains about')
  return Number(stdout.trim().split('\n').at(-1)?.replace(',', ''))
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
