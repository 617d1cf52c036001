import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { launcher, runCli } from '../harness/cli.ts'
import { tempFolder } from '../harness/temp-folder.ts'
import { textOf } from './served.ts'

/** The `gatehouse` command itself: what it knows, what it says, and its exit codes. */

const folder = await tempFolder({ after })
await writeFile(
  join(folder, 'routes.yaml'),
  textOf(
    '  - { name: moved, match: { path: /moved }, policies: { allow: [10.0.0.1] }, redirect: "https://example.com" }',
  ),
)
await writeFile(join(folder, 'Caddyfile'), 'http://shop.example.com {\n  reverse_proxy 127.0.0.1:3000\n}\n')

const table: [what: string, args: string[], code: number, out: RegExp, err: RegExp][] = [
  ['--help names every command', ['--help'], 0, /serve .*check .*explain .*schema .*hash /s, /^$/],
  ['the help of a command names its options', ['explain', '--help'], 0, /--listener <name>/, /^$/],
  ['--version is that of package.json', ['--version'], 0, /^\d+\.\d+\.\d+\n$/, /^$/],
  [
    'an unknown command is told what was meant',
    ['chekc'],
    2,
    /^$/,
    /unknown command 'chekc'.*Did you mean check\?/s,
  ],
  ['an unknown option too', ['check', '--jsno'], 2, /^$/, /unknown option '--jsno'.*Did you mean --json\?/s],
  ['check answers 0 for a good file', ['check'], 0, /is good: 1 route/, /^$/],
  ['check takes the file as an argument', ['check', 'none.yaml'], 2, /^$/, /none\.yaml:1:1 is not there/],
  [
    'a number that is none is refused',
    ['plan', 'routes.yaml', '--last', 'abc'],
    2,
    /^$/,
    /--last is not a number/,
  ],
  [
    'a table that is not there is told from one with mistakes',
    ['upstreams', '--file', 'none.yaml'],
    2,
    /^$/,
    /none\.yaml is not there; name the admin listener/,
  ],
  [
    'what cannot be imported is said in words',
    ['import', 'none.conf'],
    2,
    /^$/,
    /^gatehouse import: none\.conf is not there\n$/,
  ],
  [
    'an import says what it has written',
    ['import', 'Caddyfile', '--out', 'imported.yaml'],
    0,
    /^imported\.yaml is written\. Look it over, then: gatehouse check imported\.yaml\n$/,
    /^$/,
  ],
  [
    'explain answers 1 for a refusal',
    ['explain', 'http://localhost/moved'],
    1,
    /address_denied|no allowed network/,
    /^$/,
  ],
  [
    'explain answers 0 for a pass',
    ['explain', 'http://localhost/moved', '--from', '10.0.0.1'],
    0,
    /moved/,
    /^$/,
  ],
]
for (const [what, args, code, out, err] of table) {
  test(what, { concurrency: true }, async () => {
    const outcome = await runCli(args, { cwd: folder })
    assert.match(outcome.stdout, out)
    assert.match(outcome.stderr, err)
    assert.equal(outcome.code, code)
  })
}

test('a reader that has seen enough is no fault', async () => {
  const schema = `"${launcher}" schema; echo "code $?" >&2`
  const shell = spawn('sh', ['-c', `{ ${schema}; } | head -n 1`], { cwd: folder })
  let said = ''
  for (const stream of [shell.stdout, shell.stderr])
    stream.setEncoding('utf8').on('data', (text) => (said += text))
  await once(shell, 'close')
  assert.match(said, /^code 0$/m)
  assert.doesNotMatch(said, /EPIPE/)
})
