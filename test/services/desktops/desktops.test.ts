import { after, test } from 'node:test'
import { openBrowser } from '../../system/browser.ts'
import { keptImages, startEngine, withDocker } from './docker.ts'
import { openGate } from './gate.ts'
import { buildDesktop, importTiny } from './images.ts'
import { testInBrowser } from './in-browser.ts'
import { testKeeping } from './keeping.ts'
import { testDockerRestart, testReconcile } from './reconcile.ts'
import { testRefusals } from './refusals.ts'
import { startScene } from './scene.ts'
import { testSecondHost } from './second-host.ts'

/**
 * Desktops with a real Docker engine, one for all of these tests: two at a time would fight over the firewall of the
 * machine. The image of the desktop is built while tests go on that do not need it, and is kept for the next time.
 */

if (withDocker.skip) test('desktops in containers', withDocker, () => {})
else {
  const t = { after }
  const engine = await startEngine(t, { data: keptImages })
  await importTiny(t, engine)
  const image = buildDesktop(engine)
  image.catch(() => {})
  const gate = await openGate(t, () => engine.socket)
  const scene = await startScene(t, engine, { socket: gate.socket })
  await scene.addPeople('alice', 'bob')
  const browser = await openBrowser(t)

  const sceneOf = () => ({ scene, gate, browser })
  testReconcile(sceneOf)
  test('the image of a desktop is built from a Debian that is made here', { timeout: 600_000 }, () => image)
  testInBrowser(sceneOf)
  testRefusals(sceneOf)
  testKeeping(sceneOf)
  testSecondHost(() => engine)
  testDockerRestart(sceneOf)
}
