import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { needs, pathOf } from '../harness/parts.ts'
import { onEnd, type Teardown } from '../harness/teardown.ts'
import { tempFolder } from '../harness/temp-folder.ts'

/** A desk and a hand. */
export const screens = { desk: { width: 1280, height: 800 }, hand: { width: 390, height: 844 } } as const

/** A page, and what it complained about: errors of scripts, of the policy for content, and of what it could not load. */
export interface Visit {
  readonly page: Page
  readonly complaints: string[]
}

/** For the tests that open a browser. */
export const inBrowser = needs('chromium', 'fonts', 'perl')

/** Debian's Chromium, without a window; nothing on a machine that lacks it. */
export async function openBrowser(t: Teardown, args: readonly string[] = []): Promise<Browser | undefined> {
  if (inBrowser.skip) return undefined
  const browser = await chromium.launch({
    executablePath: fileURLToPath(new URL('steady-chromium', import.meta.url)),
    env: { ...process.env, CHROMIUM: pathOf('chromium') },
    args: ['--no-sandbox', '--disable-background-networking', '--disable-gpu', ...args],
  })
  onEnd(t, () => browser.close())
  return browser
}

/** Somebody who goes to an address and has not been there before. Any certificate will do. */
export async function visit(
  t: Teardown,
  browser: Browser | undefined,
  address: string,
  options: BrowserContextOptions = {},
): Promise<Visit> {
  if (browser === undefined) throw new Error('there is no browser')
  const context = await browser.newContext({ ignoreHTTPSErrors: true, viewport: screens.desk, ...options })
  onEnd(t, () => context.close())
  const page = await context.newPage()
  const complaints: string[] = []
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text())
  })
  await page.goto(address)
  return { page, complaints }
}

/** Whether the page, or a part of it, is wider than the screen: then a person has to push it to and fro. */
export function isTooWide(page: Page): Promise<boolean> {
  return page.evaluate('document.documentElement.scrollWidth > document.documentElement.clientWidth')
}

/** A picture for a person to look at. `SCREENSHOTS=folder` keeps them. */
export async function picture(t: Teardown, page: Page, name: string): Promise<void> {
  const folder = process.env.SCREENSHOTS ?? (await tempFolder(t))
  await mkdir(folder, { recursive: true })
  await page.screenshot({ path: join(folder, `${name}.png`) })
}
