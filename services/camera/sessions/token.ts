import type { CookieOptions, Request } from 'express'

/** For the player of the page, which cannot send a field of its own. It reads recordings and changes nothing. */
export const tokenCookie = 'camera_session'

export function bearerToken(request: Request): string | undefined {
  return /^Bearer (\S+)$/i.exec(request.get('authorization') ?? '')?.[1]
}

/** The bearer token, or the one in the cookie: only for what a foreign page could ask for without harm. */
export function readingToken(request: Request): string | undefined {
  const cookies = (request.get('cookie') ?? '').split(/; */)
  const found = cookies.find((cookie) => cookie.startsWith(`${tokenCookie}=`))
  return bearerToken(request) ?? found?.slice(tokenCookie.length + 1)
}

/** The cookie goes to the recordings of its session and nowhere else, so that many sessions do not disturb each other. */
export function cookieOptions(request: Request, sessionId: string, expires: Date): CookieOptions {
  return {
    httpOnly: true,
    sameSite: 'strict',
    secure: request.secure,
    path: `/api/session/${sessionId}/recordings`,
    expires,
  }
}
