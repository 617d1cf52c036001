import assert from 'node:assert/strict'
import { rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { eventually } from '../../test/harness/eventually.ts'
import { tempFolder } from '../../test/harness/temp-folder.ts'
import { watchConfig } from './watch.ts'

async function watched(t: TestContext, make: (file: string) => Promise<void>) {
  const folder = await tempFolder(t)
  const file = join(folder, 'routes.yaml')
  await make(file)
  let told = 0
  const stop = watchConfig(file, () => told++)
  t.after(stop)
  // The first look is on its way, and what is written before it is what it compares with.
  await sleep(300)
  return { folder, file, stop, told: () => told }
}

const changes: [how: string, change: (file: string, folder: string) => Promise<void>][] = [
  ['is written', (file) => writeFile(file, 'two')],
  [
    'is replaced by a rename',
    async (file) => {
      await writeFile(`${file}.new`, 'two')
      await rename(`${file}.new`, file)
    },
  ],
  [
    'is a link that is swapped',
    async (file, folder) => {
      await writeFile(join(folder, 'second'), 'two')
      await symlink(join(folder, 'second'), join(folder, 'link'))
      await rename(join(folder, 'link'), file)
    },
  ],
]
for (const [how, change] of changes) {
  test(`a file that ${how} is told once`, { concurrency: true }, async (t) => {
    const { file, folder, told } = await watched(t, async (path) => {
      await writeFile(join(folderOf(path), 'first'), 'one')
      if (how.includes('link')) await symlink(join(folderOf(path), 'first'), path)
      else await writeFile(path, 'one')
    })
    await change(file, folder)
    await eventually(() => told() === 1, { timeout: 15_000 })
  })
}

test('a file that goes and comes back is told', async (t) => {
  const { file, told } = await watched(t, (path) => writeFile(path, 'one'))
  await rm(file)
  await eventually(() => told() > 0)
  const before = told()
  await writeFile(file, 'one')
  await eventually(() => told() > before)
})

test('nobody is told after the end', async (t) => {
  const { file, stop, told } = await watched(t, (path) => writeFile(path, 'one'))
  await writeFile(file, 'two')
  stop()
  // Longer than a change takes to be told.
  await sleep(500)
  assert.equal(told(), 0)
})

function folderOf(path: string): string {
  return join(path, '..')
}
