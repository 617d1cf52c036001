import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'

const sessions = new Map<string, string>()

export const authService = createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://auth')
  const user = sessions.get(/(?:^|; )session=([^;]+)/.exec(request.headers.cookie ?? '')?.[1] ?? '')
  if (pathname === '/verify') {
    if (user !== undefined) return response.writeHead(204, { 'Remote-User': user }).end()
    const back = encodeURIComponent(String(request.headers['x-forwarded-uri'] ?? '/'))
    return response.writeHead(302, { Location: `/auth/login?back=${back}` }).end()
  }
  if (pathname === '/auth/login' && request.method === 'POST') {
    // Here you would look at a password.
    const id = randomUUID()
    sessions.set(id, searchParams.get('user') ?? 'somebody')
    const cookie = `session=${id}; Path=/; HttpOnly; Secure; SameSite=Lax`
    return response.writeHead(303, { 'Set-Cookie': cookie, Location: '/wiki' }).end()
  }
  response.end('Please sign in')
})
