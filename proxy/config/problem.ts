import type { ConfigProblem } from './loaded.ts'

/** Where in the configuration: `['routes', 2, 'policies', 'allow', 1]`. */
export type Path = readonly PropertyKey[]

/** One mistake before it has a place in the file. */
export interface Finding {
  readonly path: Path
  readonly message: string
  readonly mend?: string
  /** `key` points at the key of the path's last part instead of its value. */
  readonly at?: 'key'
}

/** `routes[2].policies.allow[1]`; a key that is no plain word stands in brackets and quotes. */
export function formatPath(path: Path): string {
  let text = ''
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`
    else if (/^[A-Za-z_][A-Za-z0-9_-]*$/.test(String(part)))
      text += text === '' ? String(part) : `.${String(part)}`
    else text += `[${JSON.stringify(String(part))}]`
  }
  return text
}

/** The one line of a problem, as logs and commands show it: `routes.yaml:31:14 routes[2].to: …; did you mean …`. */
export function formatProblem(problem: ConfigProblem): string {
  const where = `${problem.file}:${problem.line}:${problem.column}`
  const subject = problem.path === '' ? '' : `${problem.path}: `
  const mend = problem.mend === undefined ? '' : `; ${problem.mend}`
  return `${where} ${subject}${problem.message}${mend}`
}

/** Splits `is not a size; write 10MB` into what is wrong and how to mend it. */
export function splitMend(text: string): { message: string; mend?: string } {
  const at = text.indexOf('; ')
  return at === -1 ? { message: text } : { message: text.slice(0, at), mend: text.slice(at + 2) }
}

/** In the order of the file; the same said twice of one place is said once. */
export function inFileOrder(problems: readonly ConfigProblem[]): ConfigProblem[] {
  const seen = new Set<string>()
  const once = problems.filter((problem) => {
    const line = formatProblem(problem)
    return !seen.has(line) && seen.add(line)
  })
  return once.sort((a, b) => a.line - b.line || a.column - b.column)
}
