import { join } from 'node:path'
import { after } from 'node:test'
import { projectFolder } from '../../system/shipped.ts'
import { startEngine, withDocker } from './docker.ts'
import { type Gate, openGate } from './gate.ts'
import { buildDesktop, importTiny } from './images.ts'
import { testReconcile } from './reconcile.ts'
import { type Scene, startScene } from './scene.ts'

/**
 * Desktops with a real Docker engine, one for all of these tests: two at a time would fight over the firewall of the
 * machine. The image is kept in data/, so that it is built once.
 */

const t = { after }
let scene: Scene | undefined
let gate: Gate | undefined
if (!withDocker.skip) {
  const engine = await startEngine(t, { data: join(projectFolder, 'data/test-docker') })
  await Promise.all([
    importTiny(t, engine),
    process.env.ONLY === 'reconcile' ? undefined : buildDesktop(engine),
  ])
  gate = await openGate(t, () => engine.socket)
  scene = await startScene(t, engine, gate.socket)
  await scene.addPeople('alice', 'bob')
}
const sceneOf = () => ({ scene: scene as Scene, gate: gate as Gate })

testReconcile(sceneOf)
