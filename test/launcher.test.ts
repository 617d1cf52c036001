import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { copyFile, mkdir, symlink, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { launcher } from './harness/cli.ts'
import type { Teardown } from './harness/teardown.ts'
import { tempFolder } from './harness/temp-folder.ts'

describe('the launcher on the Node of the machine', () => {
  const runs = ['v22.23.2', 'v22.30.0', 'v24.18.1', 'v24.21.0', 'v26.5.1', 'v27.0.0', 'v27.0.0-nightly2026']
  const refused = ['v18.20.8', 'v20.20.2', 'v22.23.1', 'v23.11.0', 'v24.18.0', 'v25.9.0', 'v26.5.0']

  for (const version of runs)
    test(`runs on ${version}`, async (t) => {
      const house = await makeHouse(t, { machine: version })
      assert.equal(await house.run('serve'), `${version} proxy/main.ts serve\n`)
    })

  for (const version of refused)
    test(`refuses ${version}, and says what would do`, async (t) => {
      const house = await makeHouse(t, { machine: version })
      await assert.rejects(house.run('serve'), {
        code: 78,
        stderr: /Node v[\d.]+ lets requests be smuggled.*22\.23\.2, 24\.18\.1, 26\.5\.1/,
      })
    })

  test('runs on an unsafe one when told to', async (t) => {
    const house = await makeHouse(t, { machine: 'v20.20.2' })
    assert.match(await house.run('serve', { GATEHOUSE_UNSAFE_RUNTIME: '1' }), /^v20\.20\.2 /)
  })

  test('says so when there is no Node at all', async (t) => {
    const house = await makeHouse(t, {})
    await assert.rejects(house.run('serve'), { code: 78, stderr: /there is no Node here/ })
  })
})

describe('the launcher', () => {
  test("prefers the pinned Node to the machine's", async (t) => {
    const house = await makeHouse(t, { machine: 'v26.5.1', pinned: 'v24.21.0' })
    assert.match(await house.run('serve'), /^v24\.21\.0 /)
  })

  test('hands arguments on as they are', async (t) => {
    const house = await makeHouse(t, { pinned: 'v24.21.0' })
    assert.equal(await house.run("it's a 'test' *"), "v24.21.0 proxy/main.ts it's a 'test' *\n")
  })

  test('is found through a symbolic link', async (t) => {
    const house = await makeHouse(t, { pinned: 'v24.21.0' })
    const link = join(house.folder, 'programs', 'gatehouse')
    await symlink(join(house.folder, 'gatehouse'), link)
    assert.match(await house.run('serve', {}, link), /proxy\/main\.ts serve/)
  })

  test('runs what was compiled only while no source is newer', async (t) => {
    const house = await makeHouse(t, { pinned: 'v24.21.0' })
    await mkdir(join(house.folder, 'dist/proxy'), { recursive: true })
    await writeFile(join(house.folder, 'dist/.built'), '')
    await house.age('dist/.built', 60)
    assert.match(await house.run('serve'), / proxy\/main\.ts/, 'the source is newer')
    await house.age('proxy/main.ts', 120)
    assert.match(await house.run('serve'), / dist\/proxy\/main\.js/, 'the compiled one is newer')
    await writeFile(join(house.folder, 'proxy/main.test.ts'), '')
    assert.match(await house.run('serve'), / dist\/proxy\/main\.js/, 'a test is no source')
  })
})

/** A copy of the launcher beside Nodes that only say their version and what they were given. */
async function makeHouse(t: Teardown, { machine, pinned }: { machine?: string; pinned?: string }) {
  const folder = await tempFolder(t)
  const programs = join(folder, 'programs')
  for (const name of ['proxy', 'programs', 'node_modules/.bin'])
    await mkdir(join(folder, name), { recursive: true })
  await copyFile(launcher, join(folder, 'gatehouse'))
  await writeFile(join(folder, 'proxy/main.ts'), '')
  for (const program of ['sh', 'dirname', 'readlink', 'find'])
    await symlink(`/usr/bin/${program}`, join(programs, program))
  if (machine) await writeNode(join(programs, 'node'), machine, folder)
  if (pinned) await writeNode(join(folder, 'node_modules/.bin/node'), pinned, folder)

  const run = (argument: string, env: NodeJS.ProcessEnv = {}, path = join(folder, 'gatehouse')) =>
    new Promise<string>((resolve, reject) => {
      execFile(path, [argument], { env: { PATH: programs, ...env } }, (error, stdout, stderr) =>
        error ? reject(Object.assign(error, { stderr })) : resolve(stdout),
      )
    })
  const age = (file: string, seconds: number) => {
    const then = Date.now() / 1000 - seconds
    return utimes(join(folder, file), then, then)
  }
  return { folder, run, age }
}

async function writeNode(path: string, version: string, folder: string): Promise<void> {
  const script = `#!/bin/sh\n[ "$1" = -v ] && echo ${version} && exit\nmain=\${1#${folder}/}\nshift\necho ${version} "$main" "$*"\n`
  await writeFile(path, script, { mode: 0o755 })
}
