import { Agent, createServer } from 'node:http'
import type { Duplex } from 'node:stream'
import httpProxy from 'http-proxy-legacy'

/** http-proxy 1.18.1 and nothing else, as its own examples show it, with an agent that keeps connections. */
const [port, upstream] = process.argv.slice(2).map(Number)
const proxy = httpProxy.createProxyServer({
  target: `http://127.0.0.1:${upstream}`,
  agent: new Agent({ keepAlive: true }),
  xfwd: true,
})
proxy.on('error', (_error: Error, _request: unknown, response: { destroy(): void } | Duplex) =>
  response.destroy(),
)

const server = createServer((request, response) => proxy.web(request, response))
server.on('upgrade', (request, socket, head) => proxy.ws(request, socket, head))
server.listen(port, '127.0.0.1')
