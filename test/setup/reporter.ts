import { relative, resolve } from 'node:path'
import type { TestEvent } from 'node:test/reporters'
import { inspect } from 'node:util'

/**
 * Beside the reporter "spec", which keeps what failed for its last page: says a failure the moment it happens, so
 * that a run which is ended at its time limit has told of it, and at the end which files took longest.
 */
export default async function* report(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const seconds = new Map<string, number>()
  for await (const { type, data } of events) {
    // How a run ends at its time limit. The types do not have it yet.
    if ((type as string) === 'test:interrupted') yield longest(seconds)
    if (type !== 'test:complete') continue
    const { name, file, line, details } = data
    const place = file === undefined ? '' : relative('', file)
    const isWholeFile = file !== undefined && resolve(name) === file
    const error = details.error as Failure | undefined
    // One that fails only because of one inside it has nothing to add.
    if (error !== undefined && error.failureType !== 'subtestsFailed')
      yield `✖ failed just now: ${place}:${line}${isWholeFile ? '' : ` ${name}`}\n${inspect(error.cause)}\n\n`
    if (isWholeFile) seconds.set(place, details.duration_ms / 1000)
  }
  yield longest(seconds)
}

/** As the runner wraps what a test threw. */
interface Failure extends Error {
  readonly failureType?: string
}

function longest(seconds: ReadonlyMap<string, number>): string {
  const rows = [...seconds]
    .sort(([, a], [, b]) => b - a)
    .slice(0, 10)
    .map(([file, each]) => `${each.toFixed(1).padStart(7)} s  ${file}`)
  return ['', 'The files that took longest:', ...rows, ''].join('\n')
}
