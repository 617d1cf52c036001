import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import axe from 'axe-core'
import type { Page } from 'playwright-core'
import sharp from 'sharp'
import { startDevice } from '../../../services/hikvision/simulator/device.ts'
import {
  accessEvent,
  cameraEvent,
  type Payload,
  plateEvent,
  withPictures,
} from '../../../services/hikvision/simulator/payloads.ts'
import { refusal } from '../../../services/hikvision/simulator/people-store.ts'
import { onEnd } from '../../harness/teardown.ts'
import { tempFolder } from '../../harness/temp-folder.ts'
import { inBrowser, isTooWide, openBrowser, picture, screens, visit } from '../../system/browser.ts'
import { host, password, type Scene, soon, startScene } from './scene.ts'

/** What a person sees who looks after the devices: in a real browser, through the real proxy. */

const t = { after }
const browser = await openBrowser(t)
const login = { user: 'admin', password: 'device-password' }
const door = {
  mac: '02:00:5e:40:00:01',
  serial: 'SIMULATED-DOOR',
  address: '192.0.2.20',
  name: 'Main entrance',
}
const camera = { mac: '02:00:5e:40:00:02', serial: 'SIMULATED-CAMERA', address: '192.0.2.21', name: '' }

/** Devices and people are called as somebody likes; there may be no place for a line to end. */
const endless = 'Wollewolle'.repeat(8)

/** A face that is nobody's. */
async function face(hue: number): Promise<Buffer> {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="320" height="400"><rect width="320" height="400" fill="hsl(${hue} 30% 80%)"/>
<ellipse cx="160" cy="180" rx="90" ry="120" fill="hsl(${hue + 40} 45% 70%)"/><circle cx="125" cy="160" r="10"/><circle cx="195" cy="160" r="10"/></svg>`
  return sharp(Buffer.from(svg)).jpeg().toBuffer()
}

/** A terminal and a camera that have told something, and one that is away. */
async function furnish(scene: Scene) {
  const device = await startDevice({ ...door, login })
  onEnd(t, () => device.stop())
  device.faults.instead = (_method, path) =>
    /FDSetUp/.test(path) ? refusal(4, 'poorFaceQuality') : undefined
  const at = (minutes: number) => new Date(Date.now() - minutes * 60_000)
  const granted = {
    majorEventType: 5,
    subEventType: 75,
    employeeNoString: '1001',
    name: 'Ada Lovelace',
    doorNo: 1,
  }
  const sent: Payload[] = [
    accessEvent(door, at(20), { majorEventType: 2, subEventType: 1024, serialNo: 1 }),
    withPictures(accessEvent(door, at(12), { ...granted, serialNo: 2 }), [
      { name: 'Picture', jpeg: await face(200) },
    ]),
    withPictures(accessEvent(door, at(9), { majorEventType: 5, subEventType: 76, serialNo: 3 }), [
      { name: 'Picture', jpeg: await face(20) },
    ]),
    accessEvent(door, at(7), { majorEventType: 5, subEventType: 9, serialNo: 4, cardNo: '0006987309' }),
    withPictures(plateEvent(camera, at(5), 'GH 123'), [
      { name: 'licensePlatePicture', jpeg: await face(90) },
    ]),
    cameraEvent(camera, at(3), endless),
    cameraEvent(camera, at(2), 'VMD'),
    { type: 'application/xml', body: Buffer.from('what is this?') },
  ]
  for (const payload of sent) assert.equal(await device.send(scene.events, payload), 200)
  const { id } = await scene.json<{ id: number }>('POST', '/admin/devices', {
    name: 'Main entrance',
    base: device.url,
    password: login.password,
  })
  await scene.json('POST', `/admin/devices/${id}/check`)
  const away = await scene.json<{ id: number }>('POST', '/admin/devices', {
    name: 'Back door',
    base: 'http://127.0.0.1:9',
    password: 'x',
  })
  const long = await scene.json<{ id: number }>('POST', '/admin/devices', {
    name: endless,
    base: 'http://127.0.0.1:9',
    password: 'x',
  })
  await scene.json('PUT', '/admin/people/9999', { name: endless, devices: [long.id] })
  await scene.json('POST', '/admin/agents', { name: 'Warehouse' })
  await scene.json('PUT', '/admin/people/1001', {
    name: 'Ada Lovelace',
    cards: ['0006987309'],
    devices: [id, away.id],
  })
  await scene.ask('/admin/people/1001/face', { method: 'PUT', body: await face(200) })
  return device
}

async function signIn(page: Page): Promise<void> {
  await page.getByLabel('Name').fill('admin')
  await page.getByLabel('Password').fill(password)
  await page.getByRole('button', { name: 'Sign in', exact: true }).click()
  await page.getByRole('heading', { name: 'Events' }).waitFor()
}

/** What axe finds that keeps somebody out. */
async function barriers(page: Page): Promise<string[]> {
  // The policy for content forbids scripts of others; the debugger is not one of them.
  await page.evaluate(axe.source)
  const found = (await page.evaluate('axe.run()')) as {
    violations: { id: string; impact: string; nodes: { html: string }[] }[]
  }
  return found.violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)
}

describe('the page', inBrowser, async () => {
  const scene = inBrowser.skip ? undefined : await startScene(t)
  const device = scene && (await furnish(scene))
  const address = `https://${host}:${scene?.ports.https}/`

  for (const [screen, colorScheme] of [
    ['desk', 'light'],
    ['hand', 'dark'],
  ] as const)
    test(`shows events, devices and people on a ${screen}, ${colorScheme}`, {
      timeout: 240_000,
    }, async (tt) => {
      const { page, complaints } = await visit(tt, browser, address, {
        viewport: screens[screen],
        colorScheme,
        timezoneId: 'America/New_York',
      })
      page.setDefaultTimeout(60_000)
      await page.getByRole('button', { name: 'Sign in', exact: true }).waitFor()
      const look = async (name: string) => {
        await picture(tt, page, `hikvision-${name}-${screen}-${colorScheme}`)
        assert.equal(await isTooWide(page), false, name)
        assert.deepEqual(await barriers(page), [], name)
      }
      await look('sign-in')
      await signIn(page)
      await page.getByRole('button', { name: 'Face accepted' }).first().waitFor()
      await page.getByText('live', { exact: true }).waitFor()
      await page.locator('.event img').first().waitFor()
      await look('events')

      await page.getByRole('button', { name: 'Face accepted' }).last().click()
      await page.getByText('All that the device said').click()
      await page.getByText('"employeeNoString": "1001"').waitFor()
      await look('event')
      await page.keyboard.press('Escape')

      await page.getByRole('link', { name: 'Devices', exact: true }).click()
      await page.getByRole('heading', { name: 'Main entrance' }).waitFor()
      await page.getByText('can be reached').waitFor()
      await look('devices')
      await page.getByRole('link', { name: 'People', exact: true }).click()
      await page.getByRole('heading', { name: 'Ada Lovelace' }).waitFor()
      await page.getByText('poorFaceQuality').first().waitFor()
      await look('people')
      await page.getByRole('button', { name: 'Change Ada Lovelace' }).click()
      await look('person')
      assert.deepEqual(
        complaints.filter((text) => !/401/.test(text)),
        [],
      )
    })

  test('shows an event the moment it comes, in the time of whoever looks', {
    timeout: 240_000,
  }, async (tt) => {
    const { page } = await visit(tt, browser, address, { timezoneId: 'Asia/Kathmandu', locale: 'en-GB' })
    page.setDefaultTimeout(60_000)
    await signIn(page)
    await page.getByText('live', { exact: true }).waitFor()
    const at = new Date('2024-05-07T10:00:00Z')
    await device?.send(
      scene?.events ?? '',
      accessEvent(door, at, { majorEventType: 5, subEventType: 27, serialNo: 900 }),
    )
    const row = page.locator('.event', { hasText: 'Door forced open' })
    await row.waitFor()
    assert.match((await row.locator('time').textContent()) ?? '', /7 May 2024.*15:45:00/)
    await page.getByLabel('Search').fill('GH 12')
    await soon(async () => (await page.locator('.event').count()) === 1)
    await page.getByRole('button', { name: 'Show all', exact: true }).click()
    await page.getByLabel('Let in').selectOption('denied')
    await soon(async () => (await page.locator('.event').count()) === 2)
    const downloading = page.waitForEvent('download')
    await page.getByRole('link', { name: 'CSV' }).click()
    const file = join(await tempFolder(tt), 'events.csv')
    await (await downloading).saveAs(file)
    const lines = (await readFile(file, 'utf8')).trim().split('\r\n')
    assert.equal(lines.length, 3)
  })

  test('adds a person with a face by keyboard and pointer, and says what is wrong', {
    timeout: 240_000,
  }, async (tt) => {
    if (device) device.faults.instead = () => undefined
    const { page } = await visit(tt, browser, `${address}#people`, {})
    page.setDefaultTimeout(60_000)
    await page.getByLabel('Name').fill('admin')
    await page.getByLabel('Password').fill('wrong')
    await page.keyboard.press('Enter')
    await page.getByRole('alert').filter({ hasText: 'do not fit' }).waitFor()
    await page.getByLabel('Password').fill(password)
    await page.keyboard.press('Enter')
    await page.getByRole('button', { name: 'Add a person' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('Name', { exact: true }).fill('Grace Hopper')
    await dialog.getByLabel('Number').fill('2002')
    await dialog.getByLabel('Cards').fill('not a card!')
    await dialog.getByLabel('Back door').uncheck()
    await dialog.getByRole('button', { name: /^Save/ }).click()
    await dialog.getByRole('alert').filter({ hasText: 'cards' }).waitFor()
    await dialog.getByLabel('Cards').fill('77, 78')
    const jpeg = await face(300)
    await dialog.getByLabel('Face').setInputFiles({ name: 'face.jpg', mimeType: 'image/jpeg', buffer: jpeg })
    await dialog.getByAltText('The face that is sent').waitFor()
    await dialog.getByRole('button', { name: /^Save/ }).click()
    const card = page.locator('.person', { hasText: 'Grace Hopper' })
    await card.getByText('there', { exact: true }).waitFor()
    await soon(
      () => device?.faces.has('2002') && [...device.cards.keys()].sort().join() === '0006987309,77,78',
    )

    // One click beside Save took a person from all doors.
    await page.getByRole('button', { name: 'Change Grace Hopper' }).click()
    await dialog.getByRole('button', { name: 'Remove', exact: true }).click()
    await dialog.getByLabel('Cards').click()
    await dialog.getByRole('button', { name: 'Remove', exact: true }).click()
    assert.ok(device?.persons.has('2002'))
    await dialog.getByRole('button', { name: 'Remove for good', exact: true }).click()
    await card.waitFor({ state: 'detached' })
    await soon(() => !device?.persons.has('2002'))
  })
})
