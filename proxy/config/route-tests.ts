import { readFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { z } from 'zod'
import type { ConfigProblem } from './loaded.ts'
import { describeIssues, plainWords } from './sentences.ts'
import { readSource } from './source.ts'

/** The shape of routes.test.yaml: requests, and what has to become of them. It is read as routes.yaml is. */

const requestLine = /^([A-Za-z-]+)\s+(\S+)$/
const fields = z.record(z.string(), z.union([z.string(), z.literal(false)]))

const expectation = z
  .strictObject({
    route: z.union([z.string(), z.literal(false)]).optional(),
    passes: z.boolean().optional(),
    status: z.int().min(100).max(599).optional(),
    refusedBy: z.string().optional(),
    to: z.string().optional(),
    location: z.string().optional(),
    headers: fields.optional(),
    sends: z.strictObject({ path: z.string().optional(), headers: fields.optional() }).optional(),
  })
  .refine(
    (all) => Object.keys(all).length > 0,
    'expects nothing; write what has to be, such as `status: 403`',
  )

const routeTest = z.strictObject({
  name: z.string().optional(),
  request: z.string().regex(requestLine, 'is not a request; write one such as GET https://localhost/close'),
  from: z.string().default('127.0.0.1'),
  headers: z.record(z.string(), z.string()).default({}),
  listener: z.string().optional(),
  http2: z.boolean().default(false),
  upgrade: z.boolean().default(false),
  expect: expectation,
})

const testFile = z.strictObject({ tests: z.array(routeTest) })

/** One test with its place in the file. */
export interface RouteTest extends Omit<z.output<typeof routeTest>, 'request' | 'name'> {
  /** The request where it has no name of its own. */
  readonly name: string
  readonly method: string
  readonly url: string
  readonly file: string
  readonly line: number
  readonly column: number
}

export type RouteTestsReading =
  | { readonly ok: true; readonly tests: readonly RouteTest[] }
  | { readonly ok: false; readonly problems: readonly ConfigProblem[] }

/** Where the tests of a route table stand: `routes.test.yaml` beside `routes.yaml`. */
export function testFileOf(file: string): string {
  return join(dirname(file), basename(file).replace(/(\.ya?ml)?$/, '.test.yaml'))
}

/** Reads the tests beside a route table. No file is no tests; a bad one is told mistake by mistake. */
export async function loadRouteTests(
  routesFile: string,
  env: Readonly<Record<string, string | undefined>> = process.env,
  file: string = testFileOf(routesFile),
): Promise<RouteTestsReading> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return { ok: true, tests: [] }
    const message = `cannot be read (${code})`
    return { ok: false, problems: [{ severity: 'error', file, line: 1, column: 1, path: '', message }] }
  }
  const { source, problems } = readSource(file, text, env)
  if (source === undefined) return { ok: false, problems }
  const parsed = testFile.safeParse(source.value, { error: plainWords })
  if (!parsed.success || problems.length > 0) {
    const findings = parsed.success ? [] : describeIssues(parsed.error.issues, [], source)
    return {
      ok: false,
      problems: [...problems, ...findings.map((finding) => source.problem('error', finding))],
    }
  }
  const tests = parsed.data.tests.map(({ request, name = request, ...test }, index) => {
    const [, method = '', url = ''] = requestLine.exec(request) ?? []
    return { ...test, name, method, url, file, ...source.place(['tests', index, 'request']) }
  })
  return { ok: true, tests }
}
