import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { needs } from '../harness/parts.ts'
import { findFaults, splitCommands, withoutComment } from './commands.ts'
import { type Document, readDocuments } from './documents.ts'
import { type Ran, runInSandbox, type Step } from './sandbox.ts'
import { scenes } from './scenes.ts'

/**
 * Every command that a document tells people to type is run as it stands, one after the other, in a copy of the project, with
 * what scenes.ts has put there before. Of those that do not run here it is checked that what they name is there. The last
 * test says how many ran.
 */

/** Commands that do not run here, and why. */
const notHere: readonly [pattern: RegExp, reason: string][] = [
  [/^make (?:test|check)\b|^\.ci\/run$/, 'is what runs this test'],
  [/^make (?:install|build|dev|bench|docs|desktop)\b|^deploy\/desktop\/build /, 'takes minutes'],
  [/^git clone /, 'the copy is there already'],
  [/^(?:DOMAIN=\S+ )?(?:[A-Z_]+=\d+ )+make run\b/, 'asks for ports 80 and 443'],
  [/^deploy\/compose\//, 'takes minutes and a Docker engine: "make compose-up"'],
  [/deploy\/systemd\/install /, 'takes a systemd of its own: "make deploy-systemd" runs it'],
  [/backup --stop /, 'takes a systemd of its own: "make deploy-systemd" runs it'],
  [/^kubectl /, 'takes a cluster'],
  [/^journalctl /, 'takes a journal'],
  [/^docker (?:--host|exec) /, 'takes a Docker engine'],
  [/TRITON_URL/, 'takes a model server'],
  [/^curl .*:991[2-5]\/metrics/, 'takes a service each: test/services/metrics.test.ts asks them'],
  [/^ssh /, 'takes another machine'],
  [/^certbot /, 'takes an authority: test/acme/beside.test.ts runs it'],
  [/…/, 'has a gap for its reader to fill'],
]

let asked = 0
const ranHere: string[] = []
const skipped = new Map<string, string[]>()

for (const document of readDocuments()) {
  const scripts = document.blocks.filter(({ language, text }) => language === 'sh' && text.startsWith('#!'))
  const blocks = document.blocks.filter((block) => block.language === 'sh' && !scripts.includes(block))
  const commands = blocks.flatMap(({ text }) => splitCommands(text))

  describe(document.path, () => {
    test('what its commands name is there: programs, targets, options and files', () => {
      assert.deepEqual([...commands, ...inProse(document)].flatMap(saying(findFaults)), [])
    })
    test('commands stand between fences that say so', () => {
      const indented = document.prose.match(
        /(?<=\n\n)(?: {4}|\t)(?:\.\/gatehouse|make|npm|curl|docker|sudo) .*/g,
      )
      assert.deepEqual(indented, null)
      const unnamed = document.blocks.filter(
        ({ language, text }) => language === '' && /^(?:\$ )?(?:\.\/gatehouse|make) /m.test(text),
      )
      assert.deepEqual(
        unnamed.filter(() => document.path !== 'docs/reference.md'),
        [],
      )
    })
    const scene = scenes[document.path] ?? {}
    const steps: Step[] = (scene.before ?? []).map((command) => ({ command, isShown: false }))
    const same: string[] = []
    let under = ''
    for (const { text, heading } of blocks) {
      if (heading !== under)
        for (const command of scene.under?.[heading] ?? []) steps.push({ command, isShown: false })
      under = heading
      const since = steps.slice(steps.findLastIndex(({ isShown }) => !isShown))
      for (const command of splitCommands(text)) {
        asked += 1
        const [, reason] = notHere.find(([pattern]) => pattern.test(withoutComment(command))) ?? []
        if (scene.looks && since.some((step) => step.command === command)) same.push(command)
        else if (reason === undefined) steps.push({ command, isShown: true })
        else skipped.set(reason, [...(skipped.get(reason) ?? []), command])
      }
    }
    if (!steps.some(({ isShown }) => isShown)) return
    const parts = needs('curl', ...(scene.needs ?? []), ...(scene.enclosed ? ['netns'] : []))
    test('its commands do what they say', { ...parts, timeout: 240_000 }, async (t) => {
      const ran = await runInSandbox(t, steps, scene.enclosed)
      for (const { command, code, output } of ran)
        assert.equal(code, 0, `${command}\nended with ${code} and said:\n${output}`)
      assert.equal(ran.length, steps.length)
      const shown = ran.filter(({ isShown }) => isShown)
      let from = 0
      for (const [command, output] of scene.shows ?? []) {
        const at = shown.slice(from).findIndex((each) => command.test(each.command))
        assert.notEqual(at, -1, `there is no ${command} after the command before`)
        from += at + 1
        const { command: typed, output: said } = shown[from - 1] as Ran
        assert.match(said, output, `${typed}\nsaid:\n${said}`)
      }
      ranHere.push(...shown.map(({ command }) => command), ...same)
    })
  })
}

test('what does not run here is little, and has a reason', (t) => {
  t.diagnostic(`${ranHere.length} of ${asked} commands ran`)
  for (const [reason, commands] of skipped) t.diagnostic(`${commands.length} not: ${reason}`)
  const counted = [...skipped.values()].flat().length
  assert.ok(counted < asked / 5, `${counted} of ${asked} commands do not run`)
})

/** `make test`, `./gatehouse check`: what is named in a sentence can be wrong as well. */
function inProse({ prose, path }: Document): string[] {
  if (path === 'CHANGELOG.md' || path === 'docs/reference.md') return []
  const spans = prose.matchAll(/`((?:make|npm run|(?:\.\/)?gatehouse) [^`]*)`/g)
  return Array.from(spans, ([, command = '']) => command.replaceAll('\\|', '|')).filter(
    (text) => !/…|\bNAME\b/.test(text),
  )
}

function saying(find: (command: string) => string[]) {
  return (command: string) => find(command).map((fault) => `${command}: ${fault}`)
}
