import { mkdir, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import sharp from 'sharp'
import { withTeardown } from '../harness/with-teardown.ts'
import { openBrowser, visit } from '../system/browser.ts'
import { startScene, startTraffic } from './scene.ts'

/**
 * `make dashboard-picture`: takes docs/dashboard.png, the picture of the README, of a running Gatehouse with traffic. `FILE`,
 * `WIDTH`, `HEIGHT`, `SECONDS` and `SCHEME` (light, dark) make another.
 */

const {
  FILE = 'docs/dashboard.png',
  WIDTH = '1280',
  HEIGHT = '1180',
  SECONDS = '75',
  SCHEME = 'dark',
} = process.env

await withTeardown(async (t) => {
  const scene = await startScene(t)
  const browser = await openBrowser(t)
  const { page, complaints } = await visit(t, browser, scene.page, {
    viewport: { width: Number(WIDTH), height: Number(HEIGHT) },
    colorScheme: SCHEME === 'light' ? 'light' : 'dark',
  })
  await page.getByLabel('Name').fill('admin')
  await page.getByLabel('Password').fill(scene.password)
  await page.getByRole('button', { name: 'Sign in' }).click()
  startTraffic(t, scene, 60)
  await page.getByRole('heading', { name: 'Routes' }).waitFor()
  await scene.edit(scene.table.replace('127.0.0.0/28', '127.0.0.0/29').replace('limit: 3', 'limit: 4'))
  await sleep(2_000)
  await scene.edit(scene.table.replace('127.0.0.0/28', '127.0.0.0/99'))
  await sleep(2_000)
  await scene.edit(scene.table)
  await sleep(Number(SECONDS) * 1_000)
  await mkdir(dirname(resolve(FILE)), { recursive: true })
  const taken = await page.screenshot({ fullPage: process.env.FULL === '1' })
  await sharp(taken).png({ palette: true, effort: 10 }).toFile(FILE)
  console.log(`${FILE}: ${Math.round((await stat(FILE)).size / 1024)} kB`)
  for (const complaint of complaints) console.log(`the page complained: ${complaint}`)
})
