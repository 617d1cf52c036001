import type { ConfigProblem, LoadedConfig } from '../config/loaded.ts'
import { loadRouteTests, type RouteTest } from '../config/route-tests.ts'
import { type Rehearsal, rehearse } from '../request/rehearsal.ts'
import { destinationText, isServed } from './explanation.ts'
import { buildOffline } from './offline.ts'
import { readPage } from './page-text.ts'
import { rehearsedResponse } from './rehearsed-response.ts'
import { incomingOf } from './sample-request.ts'

/** What became of one test: each thing that was expected and is otherwise, as a sentence. */
export interface RouteTestResult {
  readonly test: RouteTest
  readonly faults: readonly string[]
  /** Milliseconds. */
  readonly duration: number
}

/** Runs the tests against a table that is built for them alone: no limit is used up and nothing is connected. */
export async function runRouteTests(
  config: LoadedConfig,
  tests: readonly RouteTest[],
): Promise<RouteTestResult[]> {
  const gatehouse = buildOffline(config, () => {})
  try {
    const results: RouteTestResult[] = []
    for (const test of tests) {
      const began = performance.now()
      const headers = Object.entries(test.headers).map(([name, value]) => `${name}: ${value}`)
      let faults: string[]
      try {
        faults = compare(test, await rehearse(incomingOf({ ...test, headers }, config), gatehouse.state))
      } catch (error) {
        faults = [(error as Error).message]
      }
      results.push({ test, faults, duration: performance.now() - began })
    }
    return results
  } finally {
    await gatehouse.close()
  }
}

/**
 * What stands against a table by the tests beside it: mistakes in the tests' file, or tests that fail. Empty if nothing
 * does. A table is put in force only then.
 */
export async function findFailingTests(
  config: LoadedConfig,
  env: Readonly<Record<string, string | undefined>>,
): Promise<readonly ConfigProblem[]> {
  const reading = await loadRouteTests(config.file, env)
  if (!reading.ok) return reading.problems
  if (reading.tests.length === 0) return []
  return (await runRouteTests(config, reading.tests)).flatMap(problemsOf)
}

/** A test that failed, as every other mistake of a configuration is told. */
function problemsOf({ test, faults }: RouteTestResult): ConfigProblem[] {
  const { file, line, column, name } = test
  return faults.map((fault) => ({
    severity: 'error',
    file,
    line,
    column,
    path: `test "${name}"`,
    message: fault,
  }))
}

// --- internal ---

function compare({ expect, upstream }: RouteTest, rehearsal: Rehearsal): string[] {
  const faults: string[] = []
  const differs = (what: string, wanted: unknown, found: unknown): void => {
    if (wanted !== undefined && wanted !== found)
      faults.push(`${what} is ${show(found)}, not ${show(wanted)}`)
  }
  const { route, decision } = rehearsal
  const response = rehearsedResponse(rehearsal, upstream)
  differs('the route', expect.route === false ? 'none' : expect.route, route?.name ?? 'none')
  if (expect.passes !== undefined && expect.passes !== isServed(rehearsal))
    faults.push(expect.passes ? `it does not pass: ${whyNot(rehearsal)}` : 'it passes')
  if (expect.status !== undefined && response.status === undefined)
    faults.push(
      `it passes, and what answers decides the status: ${route === undefined ? 'the listener' : destinationText(route)}`,
    )
  else differs('the status', expect.status, response.status)
  differs(
    'the policy that refuses',
    expect.refusedBy,
    decision === undefined || decision.outcome === 'pass' ? 'none' : decision.policy,
  )
  differs('the upstream', expect.to, upstreamOf(rehearsal) ?? 'none')
  differs('Location', expect.location, response.headers.location)
  faults.push(...compareFields('the response', expect.headers, (name) => textOf(response.headers[name])))
  for (const text of expect.body ?? []) faults.push(...missesText(response.body, text))
  if (expect.sends !== undefined) {
    const { sent } = rehearsal
    differs('the path that is sent', expect.sends.path, sent?.path ?? 'none')
    const fieldSent = (name: string) =>
      sent?.headers.find((_, index) => sent.headers[index - 1]?.toLowerCase() === name && index % 2 === 1)
    faults.push(...compareFields('what is sent', expect.sends.headers, fieldSent))
  }
  return faults
}

function compareFields(
  where: string,
  wanted: Readonly<Record<string, string | false>> | undefined,
  find: (name: string) => string | undefined,
): string[] {
  return Object.entries(wanted ?? {}).flatMap(([name, value]) => {
    const found = find(name.toLowerCase())
    if (value === false)
      return found === undefined ? [] : [`${name} of ${where} is ${show(found)}, not absent`]
    return found === value ? [] : [`${name} of ${where} is ${show(found)}, not ${show(value)}`]
  })
}

/** A page is what is sent, and what somebody reads of it. */
function missesText(body: string | undefined, text: string): string[] {
  if (body === undefined)
    return [`what answers decides the body, so that nobody knows whether it holds "${text}"`]
  const read = readPage(body)
  if (body.includes(text) || read.includes(text)) return []
  return [`the body does not hold "${text}": ${body === '' ? 'it is empty' : read}`]
}

function whyNot({ unreadable, ambiguous, decision, route }: Rehearsal): string {
  if (unreadable) return unreadable.message
  if (ambiguous) return 'readers of its path would disagree about its route'
  if (route === undefined) return 'no route fits'
  if (decision !== undefined && decision.outcome !== 'pass') return `${decision.policy}: ${decision.reason}`
  return destinationText(route)
}

/** The upstream by its name in the table, with its key: `desktop/alice`. */
function upstreamOf({ route, facts }: Rehearsal): string | undefined {
  if (route?.destination.kind !== 'upstream') return undefined
  const { upstream, keyParam } = route.destination
  return keyParam === undefined ? upstream.name : `${upstream.name}/${facts?.params[keyParam]}`
}

function textOf(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(', ') : value
}

function show(value: unknown): string {
  return value === undefined ? 'absent' : typeof value === 'string' ? `"${value}"` : String(value)
}
