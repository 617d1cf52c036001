import type { RequestHandler } from 'express'

/**
 * Lets pages of these origins use the API with a token of theirs. Cookies of this service are never sent there
 * (SameSite), so no credentials are allowed. Where Gatehouse checks tokens in front, its `cors` policy has to name the
 * same origins: a browser's preflight carries no token.
 */
export function allowOrigins(origins: readonly string[]): RequestHandler {
  const allowed = new Set(origins)
  return function cors(request, response, next) {
    const origin = request.get('origin')
    if (allowed.size > 0) response.vary('Origin')
    if (origin === undefined || !allowed.has(origin)) return next()
    response.set('Access-Control-Allow-Origin', origin)
    response.set('Access-Control-Expose-Headers', 'Location, Retry-After')
    if (request.method !== 'OPTIONS' || request.get('access-control-request-method') === undefined)
      return next()
    response.set('Access-Control-Allow-Methods', 'GET, POST, DELETE')
    response.set('Access-Control-Allow-Headers', 'Authorization, Content-Type, Prefer')
    response.set('Access-Control-Max-Age', '600')
    response.status(204).end()
  }
}
