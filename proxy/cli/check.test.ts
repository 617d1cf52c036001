import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import { tempFolder } from '../../test/harness/temp-folder.ts'
import { runCheck } from './check.ts'

const good = `listeners: { https: { port: 8443 } }
routes:
  - { name: pages, files: site }
`

async function check(
  t: TestContext,
  text: string,
  flags: { json?: boolean; strict?: boolean; colour?: boolean } = {},
) {
  const folder = await tempFolder(t)
  mkdirSync(`${folder}/site`)
  writeFileSync(`${folder}/r.yaml`, text)
  const said: { out: string[]; err: string[] } = { out: [], err: [] }
  const code = await runCheck(
    { file: `${folder}/r.yaml`, json: flags.json ?? false, strict: flags.strict ?? false },
    {
      out: (line) => said.out.push(line),
      err: (line) => said.err.push(line),
      colour: flags.colour ?? false,
    },
  )
  const bare = (lines: string[]) => lines.join('\n').replaceAll(`${folder}/`, '')
  return { code, out: bare(said.out), err: bare(said.err) }
}

test('a good file is counted', async (t) => {
  assert.deepEqual(await check(t, good), {
    code: 0,
    out: 'r.yaml is good: 1 route, 0 upstreams, 1 listener.',
    err: '',
  })
})

test('a mistake is shown with its line and a mark below it', async (t) => {
  const text = good.replace('files: site', 'policies: { allow: [127.0.0.1, 10.0.0/8] }, files: site')
  assert.deepEqual(await check(t, text), {
    code: 2,
    out: '',
    err: `r.yaml:3:51 routes[0].policies.allow[1]: "10.0.0/8" is not an address or CIDR; did you mean "10.0.0.0/8"?
     3 |   - { name: pages, policies: { allow: [127.0.0.1, 10.0.0/8] }, files: site }
       |                                                   ^
r.yaml has 1 mistake.`,
  })
})

const warned = good.replace('routes:', 'upstreams: { left: { leased: true } }\nroutes:')

test('a warning lets the file pass', async (t) => {
  const { code, out, err } = await check(t, warned)
  assert.equal(code, 0)
  assert.equal(out, 'r.yaml can be served, with 1 warning: 1 route, 1 upstream, 1 listener.')
  assert.match(err, /^r\.yaml:2:14 upstreams\.left: is where no route goes; .* \(warning\)\n/)
})

test('a warning fails where it should', async (t) => {
  const { code, out, err } = await check(t, warned, { strict: true })
  assert.deepEqual([code, out], [2, ''])
  assert.match(err, /r\.yaml has 1 warning\.$/)
})

test('programs read the same as JSON', async (t) => {
  const { code, out, err } = await check(t, good.replace('files', 'fils'), { json: true })
  assert.deepEqual([code, err], [2, ''])
  const { ok, problems } = JSON.parse(out)
  assert.equal(ok, false)
  assert.deepEqual(problems[1], {
    severity: 'error',
    file: 'r.yaml',
    line: 3,
    column: 20,
    path: 'routes[0].fils',
    message: '"fils" is not a key of this block',
    mend: 'did you mean "files"?',
  })
})

test('colours are there when asked for, and escape sequences of the file never are', async (t) => {
  const text = good.replace('name: pages', 'name: "\u001b[2J\u0007\tpages"')
  const painted = await check(t, text, { colour: true })
  assert.ok(painted.err.includes('\u001b[31m^\u001b[0m'))
  assert.ok(!painted.err.includes('\u001b[2J') && !painted.err.includes('\u0007'))
  const plain = await check(t, text)
  assert.ok(!plain.err.includes('\u001b'))
})

test('the mark of a long line is still under its place', async (t) => {
  const text = good.replace('files: site', `to: ${' '.repeat(300)}nowhere`)
  const { err } = await check(t, text)
  const [, line = '', mark = ''] = err.split('\n')
  assert.equal(line.slice(mark.indexOf('^'), mark.indexOf('^') + 7), 'nowhere')
  assert.ok(line.length < 130)
})

test('a file that is not there has no line to show', async () => {
  const said: string[] = []
  const io = { out: (line: string) => said.push(line), err: (line: string) => said.push(line), colour: false }
  assert.equal(await runCheck({ file: '/nowhere/r.yaml', json: false, strict: false }, io), 2)
  assert.deepEqual(said, [
    '/nowhere/r.yaml:1:1 is not there; go to the folder of routes.yaml, or name another with --file',
    '/nowhere/r.yaml has 1 mistake.',
  ])
})
