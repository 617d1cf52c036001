import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'

/**
 * Below those that a kernel gives out by itself (Linux: from 32768 on): a port from among them was taken, between here and
 * the process that it was meant for, by any connection that began on this machine.
 */
const [first, count] = [20_000, 12_000]
const given = new Set<number>()

/** A TCP port that nobody listens on just now: for an upstream that is away, or a process that takes no port 0. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = first + randomInt(count)
    if (given.has(port) || !(await isFree(port))) continue
    given.add(port)
    return port
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1')
  try {
    await once(server, 'listening')
  } catch {
    return false
  }
  server.close()
  await once(server, 'close')
  return true
}
