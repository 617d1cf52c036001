import type { z } from 'zod'
import { Problem } from '../shared/problem.ts'

/** What a client sent, in the shape that is asked for. Throws a Problem 400 that names each field that is wrong. */
export function readBody<Schema extends z.ZodType>(schema: Schema, body: unknown): z.output<Schema> {
  const parsed = schema.safeParse(body)
  if (parsed.success) return parsed.data
  const errors = parsed.error.issues.slice(0, 10).map(({ path, message }) => ({
    field: path.join('.').slice(0, 100),
    message: message.slice(0, 200),
  }))
  const [first] = errors
  const place = first?.field ? `${first.field}: ` : ''
  throw new Problem(400, `${place}${first?.message ?? 'is not what is asked for'}`, { errors })
}
