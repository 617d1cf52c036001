import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { eventually } from './eventually.ts'
import { onEnd, type Teardown } from './teardown.ts'

export const launcher = fileURLToPath(new URL('../../gatehouse', import.meta.url))

export interface CliOptions {
  cwd?: string
  /** Added to the environment; undefined removes. */
  env?: NodeJS.ProcessEnv
  /** A program and its arguments that it is started by, such as `unshare`. */
  by?: readonly string[]
  /** Standard input. */
  input?: string
  /** Milliseconds until it is killed; default 30,000. */
  timeout?: number
}

export interface CliOutcome {
  /** null if a signal ended it. */
  code: number | null
  stdout: string
  stderr: string
}

/** Runs `./gatehouse …` to its end. */
export async function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliOutcome> {
  const { child, output } = start(args, options)
  const deadline = setTimeout(() => child.kill('SIGKILL'), options.timeout ?? 30_000)
  child.stdin?.on('error', () => {})
  child.stdin?.end(options.input ?? '')
  const [code] = await once(child, 'close')
  clearTimeout(deadline)
  return { code, stdout: output.stdout, stderr: output.stderr }
}

export interface RunningCli {
  readonly child: ChildProcess
  /** What it has written so far. */
  readonly output: { stdout: string; stderr: string }
  /** Waits until it has written that, to either, and answers the match. */
  said(pattern: RegExp, timeout?: number): Promise<RegExpExecArray>
  /** Sends a signal and waits for the end. */
  stop(signal?: NodeJS.Signals): Promise<number | null>
}

/** Runs `./gatehouse …` until the test ends, for commands that serve. */
export function startCli(t: Teardown, args: readonly string[], options: CliOptions = {}): RunningCli {
  const { child, output } = start(args, options)
  const ended = once(child, 'close')
  const stop = async (signal: NodeJS.Signals = 'SIGTERM') => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal)
    await ended
    return child.exitCode
  }
  onEnd(t, async () => {
    const deadline = setTimeout(() => child.kill('SIGKILL'), 10_000)
    await stop()
    clearTimeout(deadline)
  })
  return {
    child,
    output,
    stop,
    said: (pattern, timeout = 15_000) =>
      eventually(
        () => {
          const found = pattern.exec(output.stdout) ?? pattern.exec(output.stderr)
          if (!found) throw new Error(`It did not say ${pattern}. It said:\n${output.stdout}${output.stderr}`)
          return found
        },
        { timeout },
      ),
  }
}

function start(args: readonly string[], { cwd, env, by = [] }: CliOptions) {
  // NODE_TEST_CONTEXT would make a child speak the test runner's protocol.
  const [program = launcher, ...rest] = [...by, launcher, ...args]
  const child = spawn(program, rest, { cwd, env: { ...process.env, NODE_TEST_CONTEXT: undefined, ...env } })
  const output = { stdout: '', stderr: '' }
  child.stdout.on('data', (chunk: Buffer) => {
    output.stdout += chunk
  })
  child.stderr.on('data', (chunk: Buffer) => {
    output.stderr += chunk
  })
  return { child, output }
}
