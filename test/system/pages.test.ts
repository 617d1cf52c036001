import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { eventually } from '../harness/eventually.ts'
import { startProxy } from '../harness/proxy.ts'
import { request } from '../harness/request.ts'
import { inBrowser, isTooWide, openBrowser, picture, screens, visit } from './browser.ts'
import { startShipped } from './shipped.ts'

/** What a person sees: the sites of the shipped routes.yaml, and the pages of refusals, in a real browser. */

const browser = await openBrowser({ after })
const { proxy, password } = await startShipped({ after })
const sites = `https://localhost:${proxy.port('https')}`
const admin = { username: 'admin', password }

describe('the sites, in a browser', inBrowser, () => {
  for (const [screen, viewport] of Object.entries(screens)) {
    test(`the start page shows its three sites on a ${screen}`, async (t) => {
      const { page, complaints } = await visit(t, browser, `${sites}/`, {
        viewport,
        httpCredentials: admin,
      })
      const headlines = async () => {
        const found = await Promise.all(
          page
            .frames()
            .slice(1)
            .map((frame) => frame.locator('h1').first().textContent({ timeout: 2000 })),
        )
        return found.sort()
      }
      await page.locator('#api').scrollIntoViewIfNeeded()
      await eventually(
        async () =>
          assert.deepEqual(await headlines(), [
            'Away for a moment',
            'Come in, the door is open',
            'You are inside',
          ]) === undefined,
      )
      await page.evaluate('scrollTo(0, 0)')
      await picture(t, page, `start-${screen}`)
      assert.equal(await isTooWide(page), false)
      // The third site is away: nothing is behind /flask here.
      assert.deepEqual(
        complaints.filter((text) => !/\b503\b/.test(text)),
        [],
      )
    })

    for (const [name, path] of [
      ['open', '/open/'],
      ['close', '/close/'],
    ] as const)
      test(`${path} is a page by itself on a ${screen}`, async (t) => {
        const { page, complaints } = await visit(t, browser, sites + path, {
          viewport,
          httpCredentials: admin,
        })
        await picture(t, page, `${name}-${screen}`)
        assert.equal(await isTooWide(page), false)
        assert.deepEqual(complaints, [])
        await page.locator('nav.way a').first().click()
        await page.waitForURL(`${sites}/`)
      })
  }

  test('whoever guesses a password is told so, in the frame and beside it', async (t) => {
    const httpCredentials = { username: 'admin', password: 'guessed' }
    const { page } = await visit(t, browser, `${sites}/`, { viewport: screens.hand, httpCredentials })
    const close = page.locator('#close')
    await close.scrollIntoViewIfNeeded()
    const headline = close.locator('iframe').contentFrame().locator('h1')
    await headline.filter({ hasText: 'That name and password do not fit' }).waitFor()
    await close.locator('.note', { hasText: 'Wants a password' }).waitFor()
    await picture(t, page, 'guesser-hand')
  })
})

const refusing = await startProxy(
  { after },
  `
    listeners: { https: { port: 0, address: 127.0.0.1 } }
    upstreams:
      restoration: { leased: true }
    routes:
      - { name: denied, match: { path: /denied }, files: ., policies: { deny: [127.0.0.1] } }
      - { name: often, match: { path: /often }, files: ., policies: { rateLimit: { limit: 1, per: 1h, by: route } } }
      - { name: closed, match: { path: /closed }, files: ., policies: { maintenance: { retryAfter: 20m, message: "We are laying a new floor." } } }
      - { name: away, match: { path: /away }, to: restoration }
    `,
)
const origin = refusing.url()
await request(`${origin}/often`)

describe('pages of refusals, in a browser', inBrowser, () => {
  const rows: [path: string, status: number, says: string][] = [
    ['/nowhere', 404, 'Nothing is served at this address.'],
    ['/denied', 403, 'This address is not open to your network.'],
    ['/often', 429, 'Too many requests. Please wait a moment.'],
    ['/closed', 503, 'We are laying a new floor.'],
    ['/away', 503, 'The service restoration is away.'],
  ]
  for (const [screen, colorScheme] of [
    ['desk', 'light'],
    ['hand', 'dark'],
  ] as const)
    test(`can be read on a ${screen}, ${colorScheme}`, async (t) => {
      const { page } = await visit(t, browser, 'about:blank', { viewport: screens[screen], colorScheme })
      for (const [path, status, says] of rows) {
        const response = await page.goto(origin + path)
        assert.equal(response?.status(), status, path)
        assert.equal(await page.locator('.kind').textContent(), `Error ${status}`, path)
        assert.ok((await page.locator('main').textContent())?.includes(says), path)
        assert.equal(await isTooWide(page), false, path)
        // Its style is in the page, and allowed by the page's own policy for content.
        const paper = 'getComputedStyle(document.querySelector("main")).backgroundColor'
        assert.equal(await page.evaluate(paper), papers[colorScheme], path)
        await picture(t, page, `error${path.replaceAll(/\W/g, '-')}-${screen}`)
      }
    })

  test('name one time to come back at, on the page and in its field', async (t) => {
    const { page } = await visit(t, browser, 'about:blank')
    const response = await page.goto(`${origin}/closed`)
    assert.equal(response?.headers()['retry-after'], '1200')
    assert.match((await page.locator('.again').textContent()) ?? '', / 20 minutes/)
  })
})

const papers = { light: 'rgb(255, 253, 248)', dark: 'rgb(25, 31, 41)' }
