import type { RequestHandler } from 'express'
import { z } from 'zod'
import { defineMiddleware } from '../../proxy/extension.ts'

/**
 * Express middleware of one's own: programs that say by their name that they are not welcome.
 *
 *     extensions:
 *       refuseAgents: docs/examples/refuse-agents.ts
 *     routes:
 *       - name: photos
 *         middleware: [{ use: refuseAgents, options: { names: [GPTBot, Bytespider] } }]
 *
 * It runs after the policies and before the relay. WebSocket handshakes pass through it as well: a refusal refuses
 * both. It must leave the body alone, because what has been read cannot be relayed.
 */
export default defineMiddleware({
  options: z.strictObject({
    names: z.array(z.string().min(1)).min(1).describe('Parts of User-Agent, in any case.'),
  }),

  create({ names }): RequestHandler {
    const unwelcome = names.map((name) => name.toLowerCase())
    return function refuseAgents(request, response, next) {
      const agent = (request.get('user-agent') ?? '').toLowerCase()
      if (!unwelcome.some((name) => agent.includes(name))) return next()
      response.status(403).json({ error: 'This page is for people.' })
    }
  },
})
