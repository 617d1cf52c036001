import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { type Cores, onCores } from './cores.ts'
import { treeOf } from './process-tree.ts'

export interface Command {
  readonly file: string
  readonly args: readonly string[]
  readonly cwd?: string
  readonly env?: NodeJS.ProcessEnv
}

export interface Child {
  readonly pid: number
  /** The end of what it has written, for error messages. */
  output(): string
  ended(): boolean
  /** SIGTERM, and after five seconds SIGKILL for it and for its children. */
  stop(): Promise<void>
}

/** Starts a process that serves, with itself and its children on these cores alone. */
export function startChild({ file, args, cwd, env }: Command, cores: Cores): Child {
  const [wrapper = '', ...rest] = onCores(cores, [file, ...args])
  const child = spawn(wrapper, rest, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  const keep = (chunk: Buffer) => {
    output = (output + chunk).slice(-4000)
  }
  child.stdout.on('data', keep)
  child.stderr.on('data', keep)
  child.on('error', (error) => keep(Buffer.from(error.message)))
  const pid = child.pid
  if (pid === undefined) throw new Error(`${file} does not start: ${output}`)
  running.add(pid)
  child.on('exit', () => running.delete(pid))
  const ended = () => child.exitCode !== null || child.signalCode !== null
  return {
    pid,
    output: () => output,
    ended,
    async stop() {
      if (ended()) return
      const family = treeOf(pid)
      const end = once(child, 'exit')
      child.kill('SIGTERM')
      const impatience = setTimeout(() => family.forEach(killQuietly), 5000)
      await end
      clearTimeout(impatience)
    },
  }
}

/** Runs a command to its end on these cores and answers its standard output. Throws if it fails. */
export async function runToEnd({ file, args, cwd, env }: Command, cores: Cores): Promise<string> {
  const [wrapper = '', ...rest] = onCores(cores, [file, ...args])
  const child = spawn(wrapper, rest, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk
  })
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk
  })
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`${file} ${args.join(' ')} ended with ${code}: ${stderr}${stdout}`)
  return stdout
}

/** Processes that we have started and that still run. They must not outlive us, however we end. */
const running = new Set<number>()
process.on('exit', () => {
  for (const pid of running) treeOf(pid).forEach(killQuietly)
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended meanwhile.
  }
}
