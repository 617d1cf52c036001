import proxy from '@fastify/http-proxy'
import { fastify } from 'fastify'

/** @fastify/http-proxy as its page shows it. Its own engine, undici, keeps connections by default. */
const [port, upstream] = process.argv.slice(2).map(Number)
const server = fastify({ bodyLimit: 2 ** 30 })
server.register(proxy, {
  upstream: `http://127.0.0.1:${upstream}`,
  websocket: true,
  replyOptions: {
    rewriteRequestHeaders: (request, headers) => ({ ...headers, 'x-forwarded-for': request.ip }),
  },
})
await server.listen({ port: port ?? 0, host: '127.0.0.1' })
