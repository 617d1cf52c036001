import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { pathOf } from './parts.ts'
import type { Ask, Reply } from './request.ts'
import { onEnd, type Teardown } from './teardown.ts'

/** A network namespace with clients at addresses of the test's choice. Ask for it with `needs('netns')`. */
export interface Network {
  /** Address of this machine as its clients see it: the proxy listens there, on `::` or on 0.0.0.0. */
  readonly server: string
  /** One HTTP/1.1 request from one of the addresses, sent by a process of its own. `address` names `server`. */
  request(from: string, address: string, ask?: Omit<Ask, 'from' | 'agent'>): Promise<Omit<Reply, 'body'>>
  /** Runs a program in the namespace and answers its standard output. */
  run(program: string, ...args: string[]): Promise<string>
  /** Starts a program in the namespace that runs until the test ends. Its output is the caller's to read. */
  start(program: string, args: readonly string[], env?: NodeJS.ProcessEnv): ChildProcess
}

/**
 * Makes a host with the addresses (IPv4), joined to this machine by a wire of its own. Routing to them is bound to
 * the wire's address on this side, so neither the machine's own 10.0.0.5 nor another test's is disturbed.
 */
export function makeNetwork(t: Teardown, addresses: readonly string[]): Network {
  made += 1
  const number = (process.pid * 16 + made) % 16_384
  const name = `gatehouse-${process.pid}-${made}`
  const [near, far] = [`gh${number}a`, `gh${number}b`]
  const server = `198.18.${number >> 6}.${(number % 64) * 4 + 1}`
  const table = String(30_000 + number)

  onEnd(t, () => {
    tryIp('rule', 'delete', 'from', server, 'lookup', table)
    tryIp('link', 'delete', near)
    tryIp('netns', 'delete', name)
  })
  ip('netns', 'add', name)
  ip('link', 'add', near, 'type', 'veth', 'peer', 'name', far, 'netns', name)
  ip('address', 'add', `${server}/32`, 'dev', near)
  ip('link', 'set', near, 'up')
  ip('-n', name, 'link', 'set', 'lo', 'up')
  ip('-n', name, 'link', 'set', far, 'up')
  for (const address of addresses) ip('-n', name, 'address', 'add', `${address}/32`, 'dev', far)
  ip('-n', name, 'route', 'add', server, 'dev', far)
  ip('route', 'add', 'default', 'dev', near, 'table', table)
  ip('rule', 'add', 'from', server, 'lookup', table)

  const run = async (program: string, ...args: string[]) =>
    (await execute(pathOf('ip'), ['netns', 'exec', name, program, ...args], { maxBuffer: 64 << 20 })).stdout
  return {
    server,
    run,
    start(program, args, env) {
      const child = spawn(pathOf('ip'), ['netns', 'exec', name, program, ...args], {
        env: { ...process.env, NODE_TEST_CONTEXT: undefined, ...env },
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      onEnd(t, async () => {
        // `ip netns exec` becomes the program, so the signal reaches it.
        if (child.exitCode !== null || child.signalCode !== null || !child.kill('SIGKILL')) return
        await once(child, 'exit')
      })
      return child
    },
    async request(from, address, ask = {}) {
      const question = JSON.stringify({ address, ask: { ...ask, from } })
      return JSON.parse(await run(process.execPath, requester, question))
    },
  }
}

let made = 0
const execute = promisify(execFile)
const requester = fileURLToPath(new URL('./network-request.ts', import.meta.url))

function ip(...args: string[]): void {
  execFileSync(pathOf('ip'), args, { stdio: ['ignore', 'ignore', 'pipe'] })
}

/** What is already gone need not be removed. */
function tryIp(...args: string[]): void {
  try {
    ip(...args)
  } catch {}
}
