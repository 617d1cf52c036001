import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Locator, Page } from 'playwright-core'
import { inBrowser, isTooWide, openBrowser, picture, screens, visit } from '../../system/browser.ts'
import { startScene } from './scene.ts'

/** The page that shows the API, and the start page around it, as a person uses them. */

const browser = await openBrowser({ after })
const scene = await startScene({ after })
const swagger = `${scene.url}/flask/swagger/`
const soon = { timeout: 30_000 }

describe('the page of the API, in a browser', inBrowser, () => {
  for (const [screen, colorScheme] of [
    ['desk', 'light'],
    ['hand', 'dark'],
  ] as const) {
    test(`whoever signs in on it can count, on a ${screen}`, async (t) => {
      const options = { viewport: screens[screen], colorScheme }
      const { page, complaints } = await visit(t, browser, swagger, options)
      await page.locator('.opblock').first().waitFor(soon)
      await picture(t, page, `swagger-${screen}`)
      await expectWell(page)
      const login = await openOperation(page, 'login')
      const signIn = async (password: string) => {
        await login.getByLabel('Request body').fill(JSON.stringify({ username: 'admin', password }))
        return execute(login)
      }
      assert.match(await signIn('guessed'), /The name or the password is not right/)
      assert.match(await signIn(scene.password), /"token": "eyJ/)
      await page.getByRole('status').filter({ hasText: 'You are signed in' }).waitFor(soon)
      await expectWell(page)
      const before = await countNow()
      assert.match(
        await execute(await openOperation(page, 'count')),
        new RegExp(`"visits": ${before + 1}\\b`),
      )
      await picture(t, page, `swagger-${screen}-counted`)
      await expectWell(page)
      // The browser itself complains of the wrong password.
      assert.deepEqual(
        complaints.filter((text) => !/\b401\b/.test(text)),
        [],
      )
    })
  }

  test("a token of one's own goes into Authorize", async (t) => {
    const { page } = await visit(t, browser, swagger)
    const count = await openOperation(page, 'count')
    assert.match(await execute(count), /A token is required/)
    await page.getByRole('button', { name: 'Authorize', exact: true }).first().click()
    const dialog = page.locator('.modal-ux')
    await dialog.locator('input').fill(await scene.token())
    await picture(t, page, 'swagger-authorize')
    await expectWell(page)
    await dialog.getByRole('button', { name: 'apply credentials' }).click()
    await dialog.getByRole('button', { name: 'Logout' }).waitFor(soon)
    await expectWell(page)
    await dialog.getByRole('button', { name: 'Close' }).first().click()
    const before = await countNow()
    assert.match(await execute(count), new RegExp(`"visits": ${before + 1}\\b`))
  })

  test('loads nothing from elsewhere, runs nothing inline, and leaves no token behind', async (t) => {
    const { page } = await visit(t, browser, 'about:blank')
    const asked: string[] = []
    page.on('request', (request) => asked.push(request.url()))
    const response = await page.goto(swagger)
    await page.locator('.opblock').first().waitFor(soon)
    assert.match(response?.headers()['content-security-policy'] ?? '', /^default-src 'self';/)
    assert.doesNotMatch(response?.headers()['content-security-policy'] ?? '', /script-src|unsafe-eval/)
    const foreign = asked.filter((url) => !url.startsWith(swagger) && !url.startsWith('data:'))
    assert.deepEqual(foreign, [])
    const login = await openOperation(page, 'login')
    await login
      .getByLabel('Request body')
      .fill(JSON.stringify({ username: 'admin', password: scene.password }))
    await execute(login)
    assert.deepEqual(await page.evaluate('[Object.keys(localStorage), document.cookie]'), [[], ''])
  })
})

test('its files are compressed, kept for a while, and known again', async () => {
  const file = '/flask/swagger/swagger-ui-bundle.js'
  const first = await scene.ask(file, { headers: { 'accept-encoding': 'br' } })
  assert.deepEqual([first.status, first.headers['content-encoding']], [200, 'br'])
  assert.equal(first.headers['cache-control'], 'public, max-age=600')
  assert.ok(first.body.length < 600_000, String(first.body.length))
  const again = await scene.ask(file, {
    headers: { 'if-modified-since': String(first.headers['last-modified']) },
  })
  assert.equal(again.status, 304)
  for (const other of ['package.json', 'swagger-ui.js', 'index.js', '..%2fmain.ts', 'page.ts'])
    assert.notEqual((await scene.ask(`/flask/swagger/${other}`)).status, 200, other)
})

describe('the start page, in a browser', inBrowser, () => {
  for (const [screen, viewport] of Object.entries(screens))
    test(`frames the API, says when it is away, and has it again when it is back, on a ${screen}`, async (t) => {
      const { page } = await visit(t, browser, `${scene.url}/`, { viewport })
      const door = page.locator('#api')
      const headline = door.locator('iframe').contentFrame().locator('h1')
      const note = (text: string) => door.locator('.note', { hasText: text }).waitFor(soon)
      await door.scrollIntoViewIfNeeded()
      await headline.filter({ hasText: 'The visitors’ book' }).waitFor(soon)
      await door.locator('iframe').contentFrame().locator('.opblock').first().waitFor(soon)
      await note('Answering')
      await picture(t, page, `start-up-${screen}`)
      assert.equal(await isTooWide(page), false)
      await scene.service.stop()
      await page.reload()
      await door.scrollIntoViewIfNeeded()
      await headline.filter({ hasText: 'Away for a moment' }).waitFor(soon)
      await note('Away just now')
      await picture(t, page, `start-down-${screen}`)
      await scene.startService()
      await headline.filter({ hasText: 'The visitors’ book' }).waitFor(soon)
      await note('Answering')
    })
})

// --- Internal ---

async function openOperation(page: Page, name: string): Promise<Locator> {
  const operation = page.locator(`#operations-visits-${name}`)
  await operation.locator('.opblock-summary-control').click(soon)
  await operation.getByRole('button', { name: 'Try it out' }).click()
  return operation
}

/** Answers what the page shows of the answer. */
async function execute(operation: Locator): Promise<string> {
  const answer = operation.locator('.live-responses-table .highlight-code').first()
  const clear = operation.getByRole('button', { name: 'Clear' })
  if (await clear.isVisible()) {
    await clear.click()
    await answer.waitFor({ ...soon, state: 'detached' })
  }
  await operation.getByRole('button', { name: 'Execute' }).click()
  await answer.waitFor(soon)
  return (await answer.textContent()) ?? ''
}

/** By way of the API, which counts, too. */
async function countNow(): Promise<number> {
  return JSON.parse((await scene.count(await scene.token())).text).visits
}

const axe = readFileSync(fileURLToPath(import.meta.resolve('axe-core/axe.min.js')), 'utf8')

/** Nothing that shuts anybody out, and nothing to push to and fro. */
async function expectWell(page: Page): Promise<void> {
  // A button that turns from one colour into the other is read well by nobody, for a third of a second.
  await page.evaluate(
    'for (const each of document.getAnimations()) if (each instanceof CSSTransition) each.finish()',
  )
  interface Violation {
    readonly id: string
    readonly impact: string
    readonly nodes: readonly { readonly html: string }[]
  }
  const { violations } = (await page.evaluate(`${axe}; axe.run()`)) as { violations: Violation[] }
  const grave = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical')
  assert.deepEqual(
    grave.map(({ id, nodes }) => `${id}: ${nodes[0]?.html.slice(0, 200)}`),
    [],
  )
  assert.equal(await isTooWide(page), false)
}
