import { styleText } from 'node:util'
import { loadConfig } from '../config/load.ts'
import { formatProblem } from '../config/problem.ts'
import { loadRouteTests, testFileOf } from '../config/route-tests.ts'
import { BuildError } from '../gatehouse.ts'
import { type RouteTestResult, runRouteTests } from '../rehearsal/route-tests.ts'
import type { CommandOutput } from './explain.ts'

export interface TestArguments {
  /** The route table. */
  readonly file: string
  /** The tests, if they stand elsewhere than beside it. */
  readonly tests?: string
  readonly format: 'text' | 'json' | 'tap' | 'junit'
}

/**
 * `gatehouse test`: runs the tests beside a route table against it, as a reload does before it puts the table in force.
 * Exit code 0 if all hold, 1 if one does not, 2 if the table or the tests have mistakes.
 */
export async function runTest(
  { file, tests: given, format }: TestArguments,
  io: CommandOutput,
): Promise<number> {
  const loaded = await loadConfig({ file })
  const reading = await loadRouteTests(file, process.env, given ?? testFileOf(file))
  const problems = [...(loaded.ok ? [] : loaded.problems), ...(reading.ok ? [] : reading.problems)]
  for (const problem of problems) io.err(formatProblem(problem))
  if (!loaded.ok || !reading.ok) return 2
  if (reading.tests.length === 0) {
    io.err(`${given ?? testFileOf(file)} has no tests, so nothing is known; write one such as`)
    io.err(example)
    return 2
  }
  let results: RouteTestResult[]
  try {
    results = await runRouteTests(loaded.config, reading.tests)
  } catch (error) {
    if (!(error instanceof BuildError)) throw error
    for (const problem of error.problems) io.err(formatProblem(problem))
    return 2
  }
  io.out(reports[format](results, io.colour))
  return results.some(({ faults }) => faults.length > 0) ? 1 : 0
}

// --- internal ---

const example = `  tests:
    - request: GET https://localhost/close
      from: 203.0.113.9
      expect: { route: close, status: 403, refusedBy: allow }`

const reports: Readonly<
  Record<TestArguments['format'], (results: RouteTestResult[], colour: boolean) => string>
> = {
  text(results, colour) {
    const style = (format: 'green' | 'red', text: string): string => (colour ? styleText(format, text) : text)
    const failed = results.filter(({ faults }) => faults.length > 0)
    return [
      ...results.map(({ test, faults }) =>
        faults.length === 0
          ? `${style('green', '✔')} ${test.name}`
          : [
              `${style('red', '✖')} ${test.name}  ${test.file}:${test.line}`,
              ...faults.map((fault) => `    ${fault}`),
            ].join('\n'),
      ),
      '',
      `${results.length - failed.length} passed, ${failed.length} failed`,
    ].join('\n')
  },
  json(results) {
    const failed = results.filter(({ faults }) => faults.length > 0).length
    return JSON.stringify(
      {
        ok: failed === 0,
        passed: results.length - failed,
        failed,
        tests: results.map(({ test: { name, file, line }, faults }) => ({ name, file, line, faults })),
      },
      null,
      2,
    )
  },
  /** Test Anything Protocol, version 13. */
  tap(results) {
    const lines = results.flatMap(({ test, faults }, index) => {
      const ok = faults.length === 0
      const line = `${ok ? 'ok' : 'not ok'} ${index + 1} - ${test.name.replace(/[#\n]/g, ' ')}`
      return ok ? [line] : [line, ...faults.map((fault) => `# ${test.file}:${test.line} ${fault}`)]
    })
    return ['TAP version 13', `1..${results.length}`, ...lines].join('\n')
  },
  junit(results) {
    const failed = results.filter(({ faults }) => faults.length > 0).length
    const cases = results.map(({ test, faults, duration }) => {
      const open = `    <testcase classname="${xml(test.file)}" name="${xml(test.name)}" line="${test.line}" time="${(duration / 1000).toFixed(6)}"`
      if (faults.length === 0) return `${open}/>`
      return `${open}>\n      <failure message="${xml(faults[0] ?? '')}">${xml(faults.join('\n'))}</failure>\n    </testcase>`
    })
    return [
      '<?xml version="1.0" encoding="UTF-8"?>',
      '<testsuites>',
      `  <testsuite name="routes" tests="${results.length}" failures="${failed}">`,
      ...cases,
      '  </testsuite>',
      '</testsuites>',
    ].join('\n')
  },
}

/** XML 1.0 has no way to write a control character. */
function xml(text: string): string {
  const names: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }
  return text.replace(/[^\P{Cc}\t\n\r]/gu, '').replace(/[&<>"]/g, (character) => names[character] ?? '')
}
