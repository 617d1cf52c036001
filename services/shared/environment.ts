import { readFileSync } from 'node:fs'
import { z } from 'zod'

/** What is wrong with the settings of a service, all of it at once. */
export class EnvironmentError extends Error {
  override readonly name = 'EnvironmentError'
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(problems.join('\n'))
    this.problems = problems
  }
}

export type Environment = Readonly<Record<string, string | undefined>>

/**
 * Reads the settings that `schema` names from the environment. A variable `NAME_FILE` names a file whose content is
 * the value of `NAME`, which is how secrets reach a container. An empty variable counts as absent.
 *
 * Throws an EnvironmentError that names every wrong variable and why, and never the value: it may be a secret.
 */
export function readEnvironment<Shape extends z.ZodRawShape>(
  schema: z.ZodObject<Shape>,
  env: Environment = process.env,
): z.infer<z.ZodObject<Shape>> {
  const problems: string[] = []
  const values: Record<string, string> = {}
  for (const name of Object.keys(schema.shape)) {
    try {
      const value = settingOf(name, env)
      if (value !== undefined) values[name] = value
    } catch (error) {
      problems.push((error as Error).message)
    }
  }
  const parsed = schema.safeParse(values)
  for (const issue of parsed.error?.issues ?? []) {
    const name = String(issue.path[0] ?? '')
    const isMissing = name !== '' && values[name] === undefined
    if (isMissing && problems.some((problem) => problem.startsWith(name))) continue
    problems.push(isMissing ? `${name} is missing: ${issue.message}` : `${name}: ${issue.message}`)
  }
  if (!parsed.success || problems.length > 0) throw new EnvironmentError(problems)
  return parsed.data
}

/** For settings that are lists: `["https://a.example"]`, a JSON array of strings as the variable's text. */
export const jsonList = z.string().transform((text, context) => {
  try {
    return z.array(z.string()).parse(JSON.parse(text))
  } catch {
    context.addIssue({ code: 'custom', message: 'is not a JSON array of strings, such as ["a","b"]' })
    return z.NEVER
  }
})

/** For settings that are a whole number. */
export const wholeNumber = z
  .string()
  .regex(/^\d{1,15}$/, 'is not a whole number')
  .transform(Number)

/** For settings of which none at all would make no sense. */
export const positive = wholeNumber.refine((number) => number > 0, 'is not above 0')

/** 0, where it is allowed, is a free one. */
export const portNumber = wholeNumber.refine((port) => port <= 65_535, 'is not a port: they end at 65535')

/** For DATABASE_URL. */
export const postgresAddress = z
  .string()
  .regex(/^postgres(ql)?:\/\//, 'is not a postgres:// address; leave it out to keep all of it in DATA_DIR')

/** For settings that are a secret of at least so many bytes. */
export function secret(bytes = 32) {
  return z
    .string(`a secret of at least ${bytes} bytes, for instance from "openssl rand -base64 ${bytes}"`)
    .refine((text) => Buffer.byteLength(text) >= bytes, `is shorter than ${bytes} bytes`)
}

// --- internal ---

function settingOf(name: string, env: Environment): string | undefined {
  const value = env[name]
  const file = env[`${name}_FILE`]
  if (value !== undefined && value !== '') return value
  if (file === undefined || file === '') return undefined
  try {
    return readFileSync(file, 'utf8').replace(/\r?\n$/, '')
  } catch (error) {
    throw new Error(`${name}_FILE: ${file} cannot be read (${(error as NodeJS.ErrnoException).code})`)
  }
}
