import { Agent } from 'node:http'
import express from 'express'
import { createProxyMiddleware } from 'http-proxy-middleware'

/** http-proxy-middleware in Express, as its page shows it, with an agent that keeps connections. */
const [port, upstream] = process.argv.slice(2).map(Number)
const proxy = createProxyMiddleware({
  target: `http://127.0.0.1:${upstream}`,
  agent: new Agent({ keepAlive: true }),
  xfwd: true,
})
const server = express()
  .use(proxy)
  .listen(port ?? 0, '127.0.0.1')
server.on('upgrade', proxy.upgrade)
