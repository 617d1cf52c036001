import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { copyFile, mkdir, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { launcher } from './harness/cli.ts'
import type { Teardown } from './harness/teardown.ts'
import { tempFolder } from './harness/temp-folder.ts'

describe('the launcher on the Node of the machine', () => {
  test('runs on one that reads TypeScript', async (t) => {
    const house = await makeHouse(t, { machine: 'v26.5.1' })
    assert.equal(await house.run('serve'), 'v26.5.1 proxy/main.ts serve\n')
  })

  test('refuses one that does not, and says what would do', async (t) => {
    const house = await makeHouse(t, { machine: 'v20.20.2' })
    const stderr =
      'gatehouse: Node v20.20.2 cannot run TypeScript. Run "make install" for the one that is pinned.\n'
    await assert.rejects(house.run('serve'), { code: 2, stderr })
  })

  test('runs on any when all is compiled', async (t) => {
    const house = await makeHouse(t, { machine: 'v20.20.2' })
    await house.compile()
    assert.equal(await house.run('check'), 'v20.20.2 dist/proxy/main.js check\n')
  })

  test('says what to do in a fresh clone, where no package is installed', async (t) => {
    const house = await makeHouse(t, { machine: 'v26.5.1' })
    await rm(join(house.folder, 'node_modules'), { recursive: true })
    const stderr = 'gatehouse: its packages are not installed. Run "make install" first.\n'
    await assert.rejects(house.run('check'), { code: 2, stderr })
  })

  test('says so when there is no Node at all', async (t) => {
    const house = await makeHouse(t, {})
    await assert.rejects(house.run('serve'), { code: 2, stderr: /there is no Node here. Run "make install"/ })
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
    await house.compile()
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
  const compile = async () => {
    await mkdir(join(folder, 'dist'))
    await writeFile(join(folder, 'dist/.built'), '')
  }
  return { folder, run, age, compile }
}

/** Reads TypeScript from v22.18 on, as far as these tests know. */
async function writeNode(path: string, version: string, folder: string): Promise<void> {
  const script = `#!/bin/sh
case $1 in
  -v) echo ${version} ;;
  -e) [ ${version.slice(1, 3)} -gt 22 ] ;;
  *) main=\${1#${folder}/}; shift; echo ${version} "$main" "$*" ;;
esac
`
  await writeFile(path, script, { mode: 0o755 })
}
