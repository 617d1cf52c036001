import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { Redis } from 'ioredis'
import { eventually } from '../../harness/eventually.ts'
import { freePort } from '../../harness/free-port.ts'
import { pathOf } from '../../harness/parts.ts'
import { onEnd, type Teardown } from '../../harness/teardown.ts'
import { tempFolder } from '../../harness/temp-folder.ts'

/** A Redis of the test's own, which keeps all that it has answered. Ask for it with `needs('redis')`. */
export interface RedisServer {
  readonly url: string
  readonly port: number
  /** Ends it at once, as a power cut would. */
  kill(): Promise<void>
  /** Starts it again on the same port and files. */
  start(): Promise<void>
  /** Empties it. */
  forget(): Promise<void>
}

export async function startRedis(t: Teardown, ...more: string[]): Promise<RedisServer> {
  const folder = await tempFolder(t)
  const port = await freePort()
  const durable = ['--appendonly', 'yes', '--appendfsync', 'always']
  const place = ['--bind', '127.0.0.1', '--port', String(port), '--dir', folder, '--save', '']
  let child: ChildProcess | undefined

  async function kill(): Promise<void> {
    if (child === undefined) return
    const ended = once(child, 'close')
    child.kill('SIGKILL')
    await ended
    child = undefined
  }

  async function start(): Promise<void> {
    child = spawn(pathOf('redis'), [...place, ...durable, ...more], { stdio: 'ignore' })
    await eventually(() => listens(port), { timeout: 30_000 })
  }

  onEnd(t, kill)
  await start()
  const url = `redis://127.0.0.1:${port}`
  async function forget(): Promise<void> {
    const redis = new Redis(url)
    await redis.flushall()
    redis.disconnect()
  }
  return { url, port, kill, start, forget }
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
}
