import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { tempFolder } from '../../test/harness/temp-folder.ts'
import { EnvironmentError } from '../shared/environment.ts'
import { readCatalogue } from './catalogue.ts'

const shipped = new URL('catalogue.yaml', import.meta.url).pathname

async function read(t: TestContext, yaml: string) {
  const file = join(await tempFolder(t), 'catalogue.yaml')
  await writeFile(file, yaml)
  return readCatalogue(file, '/run/docker.sock')
}

test('the shipped catalogue has the kinds that people know, and the Docker of this machine', async () => {
  const { kinds, hosts } = await readCatalogue(shipped, '/run/docker.sock')
  assert.deepEqual(
    [...kinds.keys()],
    ['ubuntu-vscode', 'ubuntu-desktop', 'ubuntu-chromium', 'debian-desktop'],
  )
  assert.deepEqual([...hosts], [['local', { socket: '/run/docker.sock', address: '127.0.0.1' }]])
  const { memory, shm, scheme, credentials } = kinds.get('ubuntu-chromium') ?? {}
  assert.deepEqual([memory, shm, scheme], [2 * 1024 ** 3, 512 * 1024 ** 2, 'https'])
  assert.deepEqual(credentials, { user: 'kasm_user', variable: 'VNC_PW' })
})

const kind = 'type: a, title: A, image: x, port: 80'
const refused: [what: string, yaml: string, ...words: RegExp[]][] = [
  ['no YAML', '{', /CATALOGUE: .*catalogue\.yaml/],
  ['no desktops', 'desktops: []', /names no desktop/],
  ['the same type twice', `desktops: [{ ${kind} }, { ${kind} }]`, /one type twice/],
  [
    // The files of a desktop that was deleted were found by whoever got its address next.
    'types of which one ends in another',
    `desktops: [{ ${kind} }, { ${kind.replace('a', 'my-a')} }]`,
    /one address/,
  ],
  [
    'several mistakes, all of them at once',
    'desktops: [{ type: "A B", title: A, image: x, port: 0, memory: 2 GB }]',
    /desktops\.0\.type is not a name/,
    /desktops\.0\.port/,
    /desktops\.0\.memory is not a size/,
  ],
  ['a key that nobody knows', `desktops: [{ ${kind}, privileged: true }]`, /privileged/],
  [
    'a host over plain HTTP',
    `{ hosts: { a: { url: "http://10.0.0.7:2375" } }, desktops: [{ ${kind} }] }`,
    /https:\/\/10/,
  ],
  [
    'a host without its keys',
    `{ hosts: { a: { url: "https://10.0.0.7:2376" } }, desktops: [{ ${kind} }] }`,
    /needs ca, cert and key/,
  ],
  ['a host that is nowhere', `{ hosts: { a: {} }, desktops: [{ ${kind} }] }`, /needs either socket or url/],
]
for (const [what, yaml, ...words] of refused)
  test(`a catalogue with ${what} is refused`, async (t) => {
    const error = await read(t, yaml).catch((thrown) => thrown)
    assert.ok(error instanceof EnvironmentError, String(error))
    for (const word of words) assert.match(error.message, word)
  })

test('a file that is not there is named', async () => {
  await assert.rejects(
    readCatalogue('/nowhere/catalogue.yaml', '/x'),
    /CATALOGUE: \/nowhere\/catalogue\.yaml: ENOENT/,
  )
})
