import type { Request } from 'express'
import type { z } from 'zod'
import { Problem } from '../shared/problem.ts'
import type { Session } from './accounts/sessions.ts'
import type { Parts } from './parts.ts'

/** Whose request it is. Throws a 401 that tells a page to ask for a name. */
export async function sessionOf({ sessions }: Pick<Parts, 'sessions'>, request: Request): Promise<Session> {
  const found = await sessions.read(request)
  if (found === undefined) throw new Problem(401, 'Sign in first')
  return found.session
}

/** The body of a request, in the shape that is asked for. Throws a 400 that names each mistake. */
export function bodyOf<Shape extends z.ZodType>(request: Request, shape: Shape): z.infer<Shape> {
  const read = shape.safeParse(request.body ?? {})
  if (read.success) return read.data
  const faults = read.error.issues.map(({ path, message }) => `${path.join('.') || 'the body'} ${message}`)
  throw new Problem(400, faults.join('; '))
}
