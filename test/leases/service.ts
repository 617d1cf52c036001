import { createServer } from 'node:http'
import { serve } from '../../services/shared/serve.ts'

/** A service for the tests to kill. It answers with its process id; what asks for `slow` waits until it may end. */
const upstream = process.env.UPSTREAM as string
const server = createServer((request, response) => {
  const answer = (): void => void response.end(String(process.pid))
  if (request.url?.endsWith('/slow')) setTimeout(answer, 500)
  else answer()
})
const { url } = await serve({ server, upstream, id: process.env.ID, ttl: 3_000 })
process.stdout.write(`${url}\n`)
