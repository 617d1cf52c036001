import assert from 'node:assert/strict'
import { test } from 'node:test'
import axe from 'axe-core'
import type { Browser, Page } from 'playwright-core'
import { eventually } from '../../harness/eventually.ts'
import { isTooWide, picture, screens, visit } from '../../system/browser.ts'
import type { Scene } from './scene.ts'

const long = { timeout: 180_000 }
const soon = { timeout: 60_000, every: 100 }
/** Where noVNC shows a desktop. */
const desktopAddress = /\/desktop\/[^/]+\/vnc\.html\?path=desktop/

/** What people see: the page, and real desktops in real browsers. */
export function testInBrowser(sceneOf: () => { scene: Scene; browser: Browser | undefined }): void {
  test(
    'two people start a desktop each, type into it at the same time, and find what they wrote',
    long,
    async (t) => {
      const { scene, browser } = sceneOf()
      const { engine, origin } = scene
      const people = await Promise.all(
        [
          { name: 'alice', colour: [200, 30, 60] },
          { name: 'bob', colour: [20, 60, 220] },
        ].map(async (person) => ({ ...person, ...(await visit(t, browser, `${origin}/desktops`)) })),
      )
      // Alice waits on the page of the desktops, bob at the address of his own, which he had been sent from to sign in.
      await Promise.all(people.map(({ page, name }) => signIn(page, name)))
      const [alice, bob] = people as [(typeof people)[0], (typeof people)[0]]
      await Promise.all(
        people.map(async ({ page }) => {
          await page.locator('[data-type=debian]').getByRole('button', { name: 'Start', exact: true }).click()
          await page.locator('[data-type=debian] .state').waitFor()
        }),
      )
      await bob.page.goto(`${origin}/desktop/bob-debian`)
      // A quick machine has it running by then; that others wait on the page is the promise of the test below.
      assert.match(bob.page.url(), /\/desktops\/\?open=bob-debian$|\/desktop\/bob-debian\//)
      await picture(t, bob.page, 'waiting')
      await bob.page.waitForURL(desktopAddress, { timeout: 60_000 })
      const open = alice.page.locator('[data-type=debian]').getByRole('link', { name: 'Open', exact: true })
      await open.waitFor({ timeout: 60_000 })
      await picture(t, alice.page, 'running')
      const [window] = await Promise.all([alice.page.context().waitForEvent('page'), open.click()])
      const screensOf = [window, bob.page]

      await Promise.all(
        screensOf.map((screen) => eventually(async () => (await colourOf(screen))[3] === 255, soon)),
      )
      await Promise.all(
        people.map(async ({ name, colour }, index) => {
          const screen = screensOf[index] as Page
          const hex = colour.map((part) => part.toString(16).padStart(2, '0')).join('')
          const command = `echo ${name} was here > proof.txt; printf '\\033]11;#${hex}\\007'; clear`
          // The terminal comes a moment after the window manager: what nobody took is typed again.
          await eventually(
            async () => {
              await screen.locator('canvas').click({ position: { x: 500, y: 300 } })
              await screen.keyboard.type(`${command}\n`, { delay: 15 })
              await eventually(
                async () => assert.deepEqual(await colourOf(screen), [...colour, 255]) === undefined,
                {
                  timeout: 5_000,
                },
              )
              return true
            },
            { timeout: 45_000 },
          )
          await picture(t, screen, `desktop-of-${name}`)
          assert.equal(
            await engine.docker('exec', `desktop-${name}-debian`, 'cat', 'proof.txt'),
            `${name} was here`,
          )
        }),
      )
      // Each has what they did themselves, still.
      for (const [index, { colour }] of people.entries())
        assert.deepEqual(await colourOf(screensOf[index] as Page), [...colour, 255])

      // A connection that is lost comes back of itself, through every policy again.
      await bob.page.evaluate('window.dispatchEvent(new Event("offline"))')
      await bob.page.reload()
      await eventually(
        async () => assert.deepEqual(await colourOf(bob.page), [20, 60, 220, 255]) === undefined,
        soon,
      )

      for (const { complaints } of people) assert.deepEqual(complaints.filter(isNews), [])

      // Bob deletes his desktop and keeps his files; the next one has them.
      const { page } = await visit(t, browser, `${origin}/desktops/`, {
        storageState: await bob.page.context().storageState(),
      })
      const card = page.locator('[data-type=debian]')
      await card.getByRole('button', { name: 'Delete', exact: true }).click()
      await page.getByRole('button', { name: 'Delete, keep files' }).click()
      await card.getByRole('button', { name: 'Start', exact: true }).click({ timeout: 60_000 })
      await card.getByRole('link', { name: 'Open', exact: true }).waitFor({ timeout: 60_000 })
      assert.equal(await engine.docker('exec', 'desktop-bob-debian', 'cat', 'proof.txt'), 'bob was here')
      // The address inside of it, from a bookmark, is no dead end when it is stopped.
      await card.getByRole('button', { name: 'Stop', exact: true }).click()
      await card.getByRole('button', { name: 'Start', exact: true }).waitFor({ timeout: 60_000 })
      await page.goto(`${origin}/desktop/bob-debian/vnc.html?autoconnect=true`)
      assert.match(page.url(), /\/desktops\/\?open=bob-debian$/)
      await page.getByRole('heading', { name: 'Debian is not running' }).waitFor()
      await page.getByRole('button', { name: 'Start and open' }).click()
      await page.waitForURL(desktopAddress, { timeout: 60_000 })
    },
  )

  for (const [name, colorScheme] of [
    ['desk', 'light'],
    ['hand', 'dark'],
  ] as const)
    test(`the pages are sound and fit on a screen: ${name}, ${colorScheme}`, long, async (t) => {
      const { scene, browser } = sceneOf()
      const { page, complaints } = await visit(t, browser, `${scene.origin}/desktops/`, {
        viewport: screens[name],
        colorScheme,
      })
      const look = async (what: string): Promise<void> => {
        await picture(t, page, `${what}-${name}-${colorScheme}`)
        assert.equal(await isTooWide(page), false, what)
        assert.deepEqual(await faultsOf(page), [], what)
      }
      await page.getByRole('button', { name: 'Sign in', exact: true }).waitFor()
      await look('sign-in')
      await page.getByLabel('Name').fill('admin')
      await page.getByLabel('Password').fill('wrong')
      await page.getByRole('button', { name: 'Sign in', exact: true }).click()
      await page.getByText('That name and password do not fit').waitFor()
      await signIn(page, 'admin')
      await page.locator('[data-type=broken]').waitFor()
      await look('desktops')
      await page.getByRole('button', { name: 'All', exact: true }).click()
      await page.getByText('alice: Debian').waitFor()
      await page
        .getByText(/% of a core/)
        .first()
        .waitFor({ timeout: 20_000 })
      await look('admin')
      // A name is never given again, and one click took it.
      await page.getByRole('button', { name: 'Remove alice', exact: true }).click()
      await page.getByRole('heading', { name: 'Remove alice?' }).waitFor()
      await look('remove')
      await page.getByRole('button', { name: 'Cancel', exact: true }).click()
      await page.getByRole('button', { name: 'Remove alice', exact: true }).waitFor()
      assert.deepEqual(complaints.filter(isNews), [])
    })
}

async function signIn(page: Page, name: string): Promise<void> {
  await page.getByLabel('Name').fill(name)
  await page.getByLabel('Password').fill(`password of ${name}`)
  await page.getByRole('button', { name: 'Sign in', exact: true }).click()
  await page.getByRole('button', { name: 'Sign out', exact: true }).waitFor()
}

/** The colour of the terminal on the canvas that noVNC draws on. */
function colourOf(page: Page): Promise<number[]> {
  return page.evaluate(`(() => {
    const canvas = document.querySelector('canvas')
    return canvas ? [...canvas.getContext('2d').getImageData(700, 420, 1, 1).data] : []
  })()`)
}

/** noVNC asks for a file that its packages leave out; a wrong password, and nobody being signed in, are told as 401. */
function isNews(text: string): boolean {
  return !/package\.json|status of 40[14]/.test(text)
}

async function faultsOf(page: Page): Promise<string[]> {
  await page.evaluate(axe.source)
  const { violations } = (await page.evaluate('axe.run()')) as {
    violations: { id: string; impact: string; nodes: { html: string }[] }[]
  }
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 120)).join(' ')}`)
}
