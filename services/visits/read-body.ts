import type { z } from 'zod'
import { Problem } from '../shared/problem.ts'

/** What a JSON body says, by its schema. Throws a 400 or 415 that names each field that is wrong. */
export function readBody<Schema extends z.ZodType>(schema: Schema, body: unknown): z.infer<Schema> {
  // Express's reader leaves alone what does not say that it is JSON.
  if (body === undefined) throw new Problem(415, 'Send JSON, and say so: Content-Type: application/json')
  const parsed = schema.safeParse(body)
  if (parsed.success) return parsed.data
  const errors = parsed.error.issues.map(({ path, message }) => ({ field: path.join('.'), message }))
  throw new Problem(400, 'A field is missing, or is not as it should be', { errors })
}
