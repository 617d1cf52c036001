import type { z } from 'zod'
import { Problem } from '../../shared/problem.ts'

/** Reads what a client sent, or throws a Problem that names each field that is wrong. */
export function validate<Schema extends z.ZodType>(schema: Schema, input: unknown): z.infer<Schema> {
  const result = schema.safeParse(input)
  if (result.success) return result.data
  const faults = result.error.issues.map(({ path, message }) => ({ field: path.join('.'), message }))
  const [first] = faults
  throw new Problem(
    400,
    first ? `${first.field || 'The request'}: ${first.message}` : 'That cannot be read',
    { faults },
  )
}
