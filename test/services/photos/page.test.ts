import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, describe, test } from 'node:test'
import axe from 'axe-core'
import type { Page } from 'playwright-core'
import sharp from 'sharp'
import { eventually } from '../../harness/eventually.ts'
import { inBrowser, isTooWide, openBrowser, picture, screens, visit } from '../../system/browser.ts'
import { damages, grain, jpegOf, paint } from './known-pictures.ts'
import { password, startScene } from './scene.ts'

/** What a person does with the page, in a real browser over HTTP/2 through the proxy. */

const browser = await openBrowser({ after })
const scene = await startScene({ after })
const old = await jpegOf(grain(damages.scratches(damages.faded(await paint('portrait', 640))), 9))

describe('the page', inBrowser, () => {
  for (const [screen, colorScheme] of [
    ['desk', 'light'],
    ['hand', 'dark'],
  ] as const)
    test(`restores a picture on a ${screen}, ${colorScheme}`, { timeout: 120_000 }, async (t) => {
      const { page, complaints } = await visit(t, browser, `${scene.origin}/`, {
        viewport: screens[screen],
        colorScheme,
        hasTouch: screen === 'hand',
      })
      await look(page, 'sign-in')

      await page.getByLabel('Name').fill('admin')
      await page.getByLabel('Password').fill('a guess')
      await page.getByRole('button', { name: 'Sign in', exact: true }).click()
      await page.getByRole('alert').filter({ hasText: 'That name and password do not fit' }).waitFor()
      await page.getByLabel('Password').fill(password)
      await page.getByRole('button', { name: 'Sign in', exact: true }).click()
      await page.getByRole('heading', { name: 'Restore a picture' }).waitFor()

      await page
        .getByLabel('Choose pictures')
        .setInputFiles({ name: `Aunt Ada ${screen}.jpg`, mimeType: 'image/jpeg', buffer: old })
      const name = await page.getByText(`Aunt Ada ${screen}.jpg`).boundingBox()
      // On a hand it had a letter or two on each line.
      assert.ok(name && name.height < 40, `${name?.height}`)
      await page.getByText('Full restoration').click()
      await page.getByText('Adjust').click()
      await page.getByLabel('Enlarging').selectOption('2')
      await look(page, 'new')

      await page.getByRole('button', { name: 'Restore', exact: true }).click()
      await page.waitForURL(/\/pictures\//)
      await page.getByRole('heading', { name: `Aunt Ada ${screen}.jpg` }).waitFor()
      await page.getByRole('progressbar').waitFor()
      await picture(t, page, `photos-under-way-${screen}`)

      // Before and after, side by side by the line.
      const slider = page.getByRole('slider', { name: /line between before and after/ })
      await slider.waitFor({ timeout: 60_000 })
      await page.getByText('restored 1280 × 1280').waitFor()
      await eventually(() =>
        page.evaluate('[...document.images].every((each) => each.complete && each.naturalWidth > 0)'),
      )
      await look(page, 'compare')
      const shown = () => page.getByRole('img', { name: /^Before/ }).evaluate((each) => each.style.clipPath)
      assert.equal(await shown(), 'inset(0px 50% 0px 0px)')
      await slider.focus()
      await page.keyboard.press('End')
      assert.equal(await shown(), 'inset(0px 0% 0px 0px)')
      await page.keyboard.press('Home')
      const box = await page.getByRole('region', { name: 'Before and after' }).boundingBox()
      assert.ok(box)
      await page.mouse.move(box.x + 10, box.y + box.height / 2)
      await page.mouse.down()
      await page.mouse.move(box.x + box.width * 0.25, box.y + box.height / 2, { steps: 4 })
      await page.mouse.up()
      assert.equal(await shown(), 'inset(0px 75% 0px 0px)')
      await page.getByRole('button', { name: 'Larger', exact: true }).click()
      await page.getByText('2 ×', { exact: true }).waitFor()
      await picture(t, page, `photos-zoomed-${screen}`)

      const waiting = page.waitForEvent('download')
      await page.getByRole('link', { name: 'Download' }).click()
      const download = await waiting
      assert.equal(download.suggestedFilename(), `Aunt-Ada-${screen}_processed.jpg`)
      const { width } = await sharp(await readFile(await download.path())).metadata()
      assert.equal(width, 1280)

      // The address of the picture, opened anew, is the same page.
      await page.reload()
      await slider.waitFor()
      await page.getByRole('link', { name: '← All pictures' }).click()
      await page.getByRole('link', { name: `Aunt Ada ${screen}.jpg` }).waitFor()
      await look(page, 'gallery')

      await page.getByRole('button', { name: `Delete Aunt Ada ${screen}.jpg` }).click()
      await page.getByRole('dialog').getByRole('button', { name: 'Delete', exact: true }).click()
      await page.getByText('There are none yet.').waitFor()
      await page.getByRole('button', { name: 'Sign out', exact: true }).click()
      await page.getByLabel('Password').waitFor()
      // 401 is how the page hears that nobody is signed in.
      assert.deepEqual(
        complaints.filter((text) => !/\b401\b/.test(text)),
        [],
      )

      async function look(on: Page, name: string): Promise<void> {
        await picture(t, on, `photos-${name}-${screen}`)
        assert.equal(await isTooWide(on), false, name)
        assert.deepEqual(await violations(on), [], name)
      }
    })

  test('works by keyboard alone, and says what is wrong with a file', { timeout: 60_000 }, async (t) => {
    const { page } = await visit(t, browser, `${scene.origin}/`)
    await page.getByLabel('Name').waitFor()
    await press(page, 'Name')
    await page.keyboard.type('admin')
    await page.keyboard.press('Tab')
    await page.keyboard.type(password)
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'Restore a picture' }).waitFor()
    const field = page.getByLabel('Choose pictures')
    await press(page, 'Choose pictures')
    const chooser = page.waitForEvent('filechooser')
    await page.keyboard.press('Space')
    await (await chooser).setFiles({
      name: 'letter.jpg',
      mimeType: 'image/jpeg',
      buffer: Buffer.from('Dear Ada, this is no picture.'),
    })
    await page.getByText('letter.jpg').waitFor()
    for (let i = 0; i < 12 && !(await isFocused(page, 'Restore')); i++) await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    await page
      .getByRole('alert')
      .filter({ hasText: 'letter.jpg: This file is not a picture of a kind' })
      .waitFor()
    assert.equal(await field.isEnabled(), true)
    await picture(t, page, 'photos-refused-desk')
    assert.deepEqual(await violations(page), [])
  })

  test('asks to sign in again where a session has ended', async (t) => {
    const { page } = await visit(t, browser, `${scene.origin}/`)
    await page.getByLabel('Name').fill('admin')
    await page.getByLabel('Password').fill(password)
    await page.getByRole('button', { name: 'Sign in', exact: true }).click()
    await page.getByRole('heading', { name: 'Restore a picture' }).waitFor()
    await page.context().clearCookies()
    await page
      .getByLabel('Choose pictures')
      .setInputFiles({ name: 'a.jpg', mimeType: 'image/jpeg', buffer: old })
    await page.getByRole('button', { name: 'Restore', exact: true }).click()
    await page.getByLabel('Password').waitFor()
  })
})

/** What axe finds that keeps somebody out. */
async function violations(page: Page): Promise<string[]> {
  // The policy of the page lets no script in; the browser's own tools may.
  await page.evaluate(axe.source)
  const { violations: found } = (await page.evaluate('axe.run()')) as {
    violations: { impact: string; id: string; nodes: { html: string }[] }[]
  }
  return found
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)
}

/** Presses Tab until that is in focus. */
async function press(page: Page, name: string): Promise<void> {
  for (let i = 0; i < 12; i++) {
    if (await isFocused(page, name)) return
    await page.keyboard.press('Tab')
  }
  assert.fail(`Tab never reached ${name}`)
}

function isFocused(page: Page, name: string): Promise<boolean> {
  return page.evaluate(
    `(document.activeElement?.textContent + (document.activeElement?.labels?.[0]?.textContent ?? '')).trim().startsWith(${JSON.stringify(name)})`,
  )
}
