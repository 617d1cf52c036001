import { json, Router } from 'express'
import { z } from 'zod'
import type { Logger } from '../../shared/logger.ts'
import type { Problem } from '../../shared/problem.ts'
import { limitWrongSignIns } from '../../shared/wrong-sign-ins.ts'
import { refusal } from '../refusal.ts'
import { guard, sessionCookie, sessionOf } from './guard.ts'
import type { Sessions } from './sessions.ts'
import type { Users } from './users.ts'

export interface SignInSettings {
  readonly users: Users
  readonly sessions: Sessions
  /** Seconds that a token holds. */
  readonly lifetime: number
  readonly log: Logger
}

/** `/api/v1/auth/…` */
export function signInRoutes({ users, sessions, lifetime, log }: SignInSettings): Router {
  const routes = Router()
  routes.use(json({ limit: '16kb' }))

  const wrongLogins = limitWrongSignIns((sentence, headers) => refusal(429, sentence, { headers }))

  routes.post('/login', wrongLogins, async (request, response) => {
    const { username, password, remember_me } = read(credentials, request.body)
    const user = await users.check(username, password)
    if (user === undefined) {
      log.warn('a sign-in failed', { user: username, client: request.ip })
      throw refusal(401, 'Invalid credentials', { headers: { 'WWW-Authenticate': 'Bearer' } })
    }
    const seconds = remember_me ? Math.max(lifetime, rememberedFor) : lifetime
    const { token } = await sessions.begin(user, seconds)
    // Without remember_me it goes when the browser does.
    response.cookie(sessionCookie, token, { ...cookie, ...(remember_me && { maxAge: seconds * 1000 }) })
    response.set('Cache-Control', 'no-store')
    response.json({ access_token: token, token_type: 'bearer', expires_in: seconds })
  })

  routes.use(guard(sessions))

  routes.get('/me', (_request, response) => {
    const { id, user } = sessionOf(response)
    response.set('Cache-Control', 'no-store')
    response.json({ username: user.username, user_id: user.id, role: user.role, session_id: id })
  })

  routes.post('/validate', (_request, response) => {
    response.json({ valid: true, username: sessionOf(response).user.username })
  })

  routes.post('/logout', async (_request, response) => {
    await sessions.end(sessionOf(response).id)
    response.clearCookie(sessionCookie, cookie)
    // Pictures may be kept for an hour; whoever sits at this browser next is somebody else.
    response.set('Clear-Site-Data', '"cache"')
    response.status(204).end()
  })
  return routes
}

/** `/api/v1/admin/users`: the one of the settings makes the others. */
export function userRoutes({ users, sessions }: Pick<SignInSettings, 'users' | 'sessions'>): Router {
  const routes = Router()
  routes.use(json({ limit: '16kb' }), guard(sessions))
  routes.use((_request, response, next) => {
    if (sessionOf(response).user.role !== 'admin') throw refusal(403, 'Only an administrator may do this.')
    next()
  })
  routes.get('/', async (_request, response) => {
    const list = await users.list()
    response.json({ users: list, total: list.length })
  })
  routes.post('/', async (request, response) => {
    const { username, password } = read(newUser, request.body)
    const user = await users.add(username, password)
    if (user === undefined) throw refusal(409, `There is a user ${username} already.`)
    response.status(201).json(user)
  })
  routes.delete('/:id', async (request, response) => {
    if (!(z.uuid().safeParse(request.params.id).success && (await users.remove(request.params.id))))
      throw refusal(404, 'There is no such user, or it is the administrator.')
    response.status(204).end()
  })
  return routes
}

// --- internal ---

/** Seconds: a week. */
const rememberedFor = 604_800

const cookie = { httpOnly: true, secure: true, sameSite: 'strict', path: '/' } as const

const credentials = z.object({
  username: z.string().min(1).max(200),
  password: z.string().min(1).max(1_000),
  remember_me: z.boolean().default(false),
})

const newUser = z.object({
  username: z.string().regex(/^[\w.@-]{1,64}$/, 'letters, digits, . _ @ -'),
  password: z
    .string()
    .max(1_000)
    .regex(
      /^(?=.*\p{Lu})(?=.*\p{Ll})(?=.*\d).{8,}$/u,
      'at least 8 characters, with capitals, small letters and digits',
    ),
})

function read<Shape extends z.ZodType>(schema: Shape, body: unknown): z.infer<Shape> {
  const parsed = schema.safeParse(body)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  const problem: Problem = refusal(400, `${issue?.path.join('.') || 'The body'}: ${issue?.message}`)
  throw problem
}
