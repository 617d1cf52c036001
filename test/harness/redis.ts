import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { promisify } from 'node:util'
import { eventually } from './eventually.ts'
import { freePort } from './free-port.ts'
import { pathOf } from './parts.ts'
import { onEnd, type Teardown } from './teardown.ts'
import { tempFolder } from './temp-folder.ts'

/** A real redis-server of a test's own. */
export interface RunningRedis {
  readonly port: number
  readonly address: string
  /** Runs one command, and answers what redis-cli prints. */
  cli(...args: string[]): Promise<string>
  /** SIGKILL, SIGSTOP, SIGCONT. Of the first it waits for the end. */
  signal(signal: NodeJS.Signals): Promise<void>
  /** Starts it again on the same port, with what it had saved, and that is nothing unless it was told to. */
  start(): Promise<void>
}

export interface RedisOptions {
  /** More of its configuration, as arguments: `['--requirepass', 'x']`. */
  readonly args?: readonly string[]
  /** Whether it is a sentinel. */
  readonly sentinel?: string
  readonly password?: string
  readonly port?: number
}

export async function startRedis(t: Teardown, options: RedisOptions = {}): Promise<RunningRedis> {
  const folder = await tempFolder(t)
  const port = options.port ?? (await freePort())
  const login = options.password === undefined ? [] : ['--no-auth-warning', '-a', options.password]
  let child: ChildProcess | undefined

  const cli = async (...args: string[]): Promise<string> => {
    const { stdout } = await promisify(execFile)(
      '/usr/bin/redis-cli',
      ['-p', String(port), ...login, ...args],
      {
        timeout: 15_000,
      },
    )
    return stdout.trim()
  }
  async function signal(name: NodeJS.Signals): Promise<void> {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    child.kill(name)
    if (name === 'SIGKILL') await once(child, 'exit')
  }
  /** One that has ended, over a port that is taken for example, says why in the test's own words. */
  async function answers(server: ChildProcess, said: readonly string[]): Promise<boolean> {
    if (server.exitCode !== null) throw new Error(`redis-server ended at its start:\n${said.join('')}`)
    return (await cli('PING')) === 'PONG'
  }
  async function start(): Promise<void> {
    const own = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', '']
    const args =
      options.sentinel === undefined ? [...own, ...(options.args ?? [])] : [options.sentinel, '--sentinel']
    child = spawn(pathOf('redis'), args, { stdio: ['ignore', 'pipe', 'ignore'] })
    const said: string[] = []
    child.stdout?.setEncoding('utf8').on('data', (text: string) => said.push(text))
    await eventually(() => answers(child as ChildProcess, said), { timeout: 30_000, every: 30 })
  }
  onEnd(t, () => signal('SIGKILL'))
  await start()
  return { port, address: `127.0.0.1:${port}`, cli, signal, start }
}
