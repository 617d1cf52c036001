import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { runCli } from '../harness/cli.ts'
import { needs, pathOf } from '../harness/parts.ts'
import { tempFolder } from '../harness/temp-folder.ts'

/** What holds for every command: whoever adds one finds it here. */

const { stdout: help } = await runCli(['--help'])
const names = [...(help.split('Commands:')[1] ?? '').matchAll(/^ {2}([a-z]+) /gm)]
  .map(([, name]) => name ?? '')
  .filter((name) => name !== 'help')
const root = join(import.meta.dirname, '../..')
/** Long options of each, as its help names them. */
const options = new Map<string, string[]>()

test('each command has help, which names --json, and no colours go into a pipe', async () => {
  assert.ok(names.length >= 15, names.join())
  for (const name of names) {
    const { code, stdout, stderr } = await runCli([name, '--help'])
    assert.equal(code, 0, name)
    assert.match(stdout, /--json\b/, `${name} has no --json`)
    assert.ok(!(stdout + stderr).includes('\u001b'), name)
    const flags = [...stdout.matchAll(/^ {2}(?:-\w, )?(--[a-z-0-9]+)/gm)].map(([, flag]) => flag ?? '')
    options.set(name, flags)
  }
})

test('each command refuses an option that it does not know, with 2 and where to look', async () => {
  for (const name of names) {
    const { code, stdout, stderr } = await runCli([name, '--no-such-option'])
    assert.equal(code, 2, name)
    assert.equal(stdout, '')
    assert.match(stderr, /unknown option.*\n.*--help/s)
    assert.ok(!stderr.includes('\u001b'), name)
  }
})

test('bash completes every command and every option', async (t) => {
  const file = join(await tempFolder(t), 'completion')
  await writeFile(file, (await runCli(['completion', 'bash'])).stdout)
  const complete = (words: readonly string[]): string[] => {
    const script = `eval "$(cat ${file})"
      COMP_WORDS=(gatehouse "$@"); COMP_CWORD=$#; _gatehouse; printf '%s\\n' "\${COMPREPLY[@]}"`
    return execFileSync('bash', ['-c', script, 'bash', ...words], { cwd: root })
      .toString()
      .split('\n')
  }
  const found = complete([''])
  for (const name of names) assert.ok(found.includes(name), name)
  for (const [name, flags] of options) {
    const offered = complete([name, '--'])
    for (const flag of flags) assert.ok(offered.includes(flag), `${name} ${flag}`)
  }
  assert.deepEqual(complete(['why', '--as', '']).filter(Boolean), ['curl', 'test'])
})

test('zsh completes every command and every option', needs('zsh'), async (t) => {
  const folder = await tempFolder(t)
  await writeFile(join(folder, 'complete'), zshScript)
  await writeFile(join(folder, 'completion'), (await runCli(['completion', 'zsh'])).stdout)
  /** What is shown for each line when Tab is pressed behind it, by a zsh at a terminal. */
  const shown = execFileSync(
    pathOf('zsh'),
    ['-f', join(folder, 'complete'), 'gatehouse ', ...names.map((name) => `gatehouse ${name} --`)],
    { cwd: root, env: { ...process.env, ZDOTDIR: folder, TERM: 'dumb' }, timeout: 50_000 },
  )
    .toString()
    .split('=====\n')
  for (const name of names) assert.match(shown[0] ?? '', new RegExp(`\\b${name}\\b`), shown[0])
  for (const [at, name] of names.entries())
    for (const flag of options.get(name) ?? [])
      if (flag !== '--help')
        assert.ok(shown[at + 1]?.includes(flag), `${name} ${flag} is not in ${shown[at + 1]}`)
})

/** A word in two pieces, so that the line that is typed is not taken for its answer. */
const zshScript = `zmodload zsh/zpty
for line in "$@"; do
  zpty shell zsh -f -i
  zpty -w shell 'stty columns 200 rows 200; LISTMAX=0; autoload -Uz compinit; compinit -u -D; eval "$(<$ZDOTDIR/completion)"; PS1=; print REA""DY'
  zpty -r shell before '*READY*'
  zpty -w -n shell "$line"$'\\t'
  zpty -w -n shell $'\\C-a\\C-k'
  zpty -w shell 'print DO""NE'
  zpty -r shell shown '*DONE*'
  print -r -- "$shown"
  print -r -- '====='
  zpty -d shell
done
`
