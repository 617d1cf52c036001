import http from 'node:http'
import { join } from 'node:path'
import { onEnd, type Teardown } from '../../harness/teardown.ts'
import { tempFolder } from '../../harness/temp-folder.ts'

/** A door in front of Docker, at which a request can be held: the moment in which a service is killed. */
export interface Gate {
  readonly socket: string
  /**
   * The next request that fits is held: `before` Docker hears of it, or `after` Docker has done it and before the
   * service hears of that. Resolves when it is held. A held request goes no further.
   */
  hold(when: 'before' | 'after', request: RegExp): Promise<void>
}

export async function openGate(t: Teardown, socketOf: () => string): Promise<Gate> {
  const socket = join(await tempFolder(t), 'gate.sock')
  let held: { when: 'before' | 'after'; request: RegExp; told: () => void } | undefined
  const server = http.createServer((request, response) => {
    const fits = held?.request.test(`${request.method} ${request.url}`) ? held : undefined
    if (fits) held = undefined
    if (fits?.when === 'before') return fits.told()
    const { method, url: path, headers } = request
    const asked = http.request({ socketPath: socketOf(), method, path, headers, agent: false }, (answer) => {
      if (fits) {
        answer.resume()
        return void answer.on('end', fits.told)
      }
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      response.flushHeaders()
      answer.pipe(response)
    })
    // Docker is away: so is its door.
    asked.on('error', () => response.destroy())
    request.on('error', () => asked.destroy())
    response.on('error', () => asked.destroy())
    response.on('close', () => asked.destroy())
    request.pipe(asked)
  })
  await new Promise<void>((done) => server.listen(socket, done))
  onEnd(t, () => {
    server.closeAllConnections()
    server.close()
  })
  return {
    socket,
    hold: (when, request) =>
      new Promise((told) => {
        held = { when, request, told }
      }),
  }
}
