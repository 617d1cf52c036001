import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { needs } from '../harness/parts.ts'
import { findFaults, splitCommands } from './commands.ts'
import { type Document, readDocuments } from './documents.ts'
import { runInSandbox } from './sandbox.ts'

/**
 * Every command that a document tells people to type. Those about Gatehouse itself are run as they stand, one after
 * the other, in a copy of the project. Those about a machine of their own (its units, its firewall, its cluster) are not:
 * of these it is checked that what they name is there. A command that is neither fails.
 */

/** Documents whose commands change a machine or need a cluster, a kernel or an hour. */
const ofMachines = /^(?:deploy\/|docs\/(?:runbook|gameday|firewall)\.md$)/

/** Commands of the other documents that do not run here, and why. */
const notHere: readonly [RegExp, string][] = [
  [/^make (?:install|test|check|dev|bench|desktop|docs)\b/, 'is what runs this test, or takes minutes'],
  [/^\.ci\/run$/, 'runs this test'],
  [/^git clone /, 'the copy is there already'],
  [/^(?:DOMAIN=\S+ )?(?:[A-Z_]+=\d+ )+make run\b/, 'asks for ports 80 and 443'],
  [/^npm run service:/, 'a service has tests of its own'],
  [/^certbot /, 'needs an authority and a name'],
]

/** What a reader is promised to see. */
const promised: Readonly<Record<string, readonly [command: RegExp, output: RegExp][]>> = {
  'docs/tutorial.md': [
    [/check/, /is good: 1 route/],
    [/curl -k https/, /Hello nobody from 127\.0\.0\.1, you asked for \/basket/],
    [/hash alice/, /alice added/],
    [/curl -k https/, /401|sign in/i],
    [/curl .*--user/, /Hello alice/],
    [/explain .*203/, /403 address_denied by allow/],
    [/explain .*192/, /401 credentials_required by basicAuth/],
    [/gatehouse why/, /200 passed to/],
    [/gatehouse test/, /2 passed, 0 failed/],
    [/curl .*--user/, /Hello alice/],
    [/observed/, /would have been refused/],
  ],
}

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
    const toRun = commands.filter((command) => !notHere.some(([pattern]) => pattern.test(command)))
    if (ofMachines.test(document.path) || toRun.length === 0) return
    test('its commands do what they say', { ...needs('curl'), timeout: 240_000 }, async (t) => {
      const ran = await runInSandbox(t, toRun)
      for (const { command, code, output } of ran)
        assert.equal(code, 0, `${command}\nended with ${code} and said:\n${output}`)
      assert.equal(ran.length, toRun.length)
      let from = 0
      for (const [command, output] of promised[document.path] ?? []) {
        from += ran.slice(from).findIndex((each) => command.test(each.command)) + 1
        assert.match(ran[from - 1]?.output ?? '', output)
      }
    })
  })
}

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
