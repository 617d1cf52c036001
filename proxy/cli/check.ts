import { readFile } from 'node:fs/promises'
import { loadConfig } from '../config/load.ts'
import type { ConfigProblem, LoadedConfig } from '../config/loaded.ts'
import { formatProblem } from '../config/problem.ts'
import { BuildError } from '../gatehouse.ts'
import { buildOffline } from '../rehearsal/offline.ts'

export interface CheckArguments {
  readonly file: string
  readonly json: boolean
  /** Warnings fail as errors do. */
  readonly strict: boolean
}

/**
 * `gatehouse check`: every mistake of routes.yaml with its line, and what is legal and surely not meant. Exit
 * code 0 if it would be served, 2 if not.
 */
export async function runCheck(
  { file, json, strict }: CheckArguments,
  io: { out(text: string): void; err(text: string): void; colour: boolean },
): Promise<number> {
  const result = await loadConfig({ file })
  const unbuilt = result.ok ? await buildProblems(result.config) : []
  const problems = result.ok ? [...unbuilt, ...result.warnings] : result.problems
  const fails = !result.ok || unbuilt.length > 0 || (strict && problems.length > 0)
  if (json) {
    io.out(JSON.stringify({ ok: !fails, file, problems }, null, 2))
    return fails ? 2 : 0
  }
  const lines = problems.length === 0 ? [] : await readLines(file)
  for (const problem of problems) io.err(showProblem(problem, lines, io.colour))
  if (result.ok && !fails) io.out(summary(file, result.config, problems.length))
  else
    io.err(
      `${file} has ${count(problems.length, result.ok && unbuilt.length === 0 ? 'warning' : 'mistake')}.`,
    )
  return fails ? 2 : 0
}

/** Mistakes that show only when the table is built, such as a key that is too short. */
async function buildProblems(config: LoadedConfig): Promise<readonly ConfigProblem[]> {
  try {
    // What is broken and closes only its own route is among the warnings already.
    await buildOffline(config, () => {}).close()
    return []
  } catch (error) {
    if (error instanceof BuildError) return error.problems
    throw error
  }
}

async function readLines(file: string): Promise<string[]> {
  const text = await readFile(file, 'utf8').catch(() => '')
  return text.split('\n')
}

function summary(file: string, config: LoadedConfig, warnings: number): string {
  const parts = [
    count(config.routes.length, 'route'),
    count(Object.keys(config.upstreams).length, 'upstream'),
    count(Object.keys(config.listeners).length, 'listener'),
  ]
  const good = warnings === 0 ? 'is good' : `can be served, with ${count(warnings, 'warning')}`
  return `${file} ${good}: ${parts.join(', ')}.`
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}

const width = 110

/** The line of the problem, with the line of the file under it and a mark where it is. */
function showProblem(problem: ConfigProblem, lines: readonly string[], colour: boolean): string {
  const paint = (code: number, text: string): string => (colour ? `\u001b[${code}m${text}\u001b[0m` : text)
  const hue = problem.severity === 'error' ? 31 : 33
  const sentence = printable(formatProblem(problem))
  const said = problem.severity === 'warning' ? `${sentence} (${paint(hue, 'warning')})` : sentence
  const source = lines[problem.line - 1]
  if (source === undefined || source.trim() === '') return said
  // A long line is shown from a little before the mark.
  const from = Math.max(0, problem.column - width + 30)
  const number = String(problem.line).padStart(6)
  const mark = ' '.repeat(Math.max(0, problem.column - 1 - from))
  return [
    said,
    `${paint(2, `${number} |`)} ${printable(source.slice(from, from + width))}`,
    `${paint(2, '       |')} ${mark}${paint(hue, '^')}`,
  ].join('\n')
}

/** A file may hold escape sequences, which would command the terminal. Each character keeps its width of one. */
function printable(text: string): string {
  return text.replace(/\t/g, ' ').replace(/[^\P{C}]/gu, '·')
}
