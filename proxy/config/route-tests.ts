import { readFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { z } from 'zod'
import type { ErrorCode } from '../errors.ts'
import type { ConfigProblem } from './loaded.ts'
import { describeIssues, plainWords } from './sentences.ts'
import { readSource } from './source.ts'

/** The shape of routes.test.yaml: requests, and what has to become of them. It is read as routes.yaml is. */

/** In which state a request may find its upstream, and the error of the catalogue that it gets then. */
export const upstreamStates = {
  away: 'upstream_away',
  refusing: 'upstream_refused',
  slow: 'upstream_timeout',
  broken: 'upstream_broken',
  untrusted: 'upstream_tls',
  busy: 'upstream_full',
} as const satisfies Readonly<Record<string, ErrorCode>>

export type UpstreamState = keyof typeof upstreamStates

const requestLine = /^([A-Za-z-]+)\s+(\S+)$/
const fields = z.record(z.string(), z.union([z.string(), z.literal(false)]))

const expectation = z
  .strictObject({
    route: z
      .union([z.string(), z.literal(false)])
      .optional()
      .describe('The route that serves it; `false` where none does.'),
    passes: z
      .boolean()
      .optional()
      .describe('Whether every policy lets it pass, in whatever state its upstream is.'),
    status: z
      .int()
      .min(100)
      .max(599)
      .optional()
      .describe(
        'Of a refusal, a redirect or an error page. What an upstream or a file answers is theirs to say.',
      ),
    refusedBy: z.string().optional().describe('The policy that refuses, or `none`.'),
    to: z.string().optional().describe('The upstream, with its key if it has one: `desktop/alice`.'),
    location: z.string().optional().describe('The field Location of a redirect.'),
    headers: fields.optional().describe('Fields of the response; `false` for one that must not be there.'),
    body: z
      .union([
        z
          .string()
          .min(1)
          .transform((text) => [text]),
        z.array(z.string().min(1)).min(1),
      ])
      .optional()
      .describe(
        'Text that an error page or another answer of this proxy holds, as it is sent or as it is read.',
      ),
    sends: z
      .strictObject({
        path: z.string().optional().describe('With the query.'),
        headers: fields.optional().describe('Fields of the request; `false` for one that must not be there.'),
      })
      .optional()
      .describe('What the upstream gets.'),
  })
  .refine(
    (all) => Object.keys(all).length > 0,
    'expects nothing; write what has to be, such as `status: 403`',
  )

const routeTest = z.strictObject({
  name: z.string().optional().describe('What is promised. Default: the request.'),
  request: z
    .string()
    .regex(requestLine, 'is not a request; write one such as GET https://localhost/close')
    .describe('Method and address, as a browser would have them: `GET https://localhost/close`.'),
  from: z.string().default('127.0.0.1').describe('Address of the client.'),
  headers: z.record(z.string(), z.string()).default({}).describe('Fields of the request.'),
  listener: z.string().optional().describe('Where it arrives, if the address does not tell.'),
  http2: z.boolean().default(false).describe('Ask over HTTP/2.'),
  upgrade: z.boolean().default(false).describe('Ask for a WebSocket.'),
  upstream: z
    .enum(Object.keys(upstreamStates) as [UpstreamState, ...UpstreamState[]])
    .optional()
    .describe(
      'How it finds its upstream, so that the error page shows: `away` has no target, `refusing` takes no connection, `slow` answers too late, `broken` answers what cannot be relayed, `untrusted` has no certificate that holds, `busy` has no connection to spare.',
    ),
  expect: expectation.describe('What has to become of it.'),
})

export const testFile = z.strictObject({
  tests: z.array(routeTest).describe('Requests, and what has to become of them.'),
})

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
