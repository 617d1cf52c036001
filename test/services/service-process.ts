import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { onEnd, type Teardown } from '../harness/teardown.ts'
import { projectFolder } from '../system/shipped.ts'

/** A service as a process of its own. */
export interface ServiceProcess {
  readonly child: ChildProcess
  /** All that it has written to its log. */
  written(): string
  /** Ends it, even if it has been stopped, and answers the exit code. */
  stop(signal?: NodeJS.Signals): Promise<number | null>
}

export interface ServiceOptions {
  readonly cwd: string
  /** Added to the environment. */
  readonly env: NodeJS.ProcessEnv
}

/** Starts the service of that name until the test ends. */
export function startServiceProcess(t: Teardown, name: string, { cwd, env }: ServiceOptions): ServiceProcess {
  const child = spawn(process.execPath, [join(projectFolder, `services/${name}/main.ts`)], {
    cwd,
    env: { ...process.env, NODE_TEST_CONTEXT: undefined, ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let written = ''
  child.stderr.on('data', (chunk: Buffer) => {
    written += chunk
  })
  const ended = once(child, 'close')
  const stop = async (signal: NodeJS.Signals = 'SIGTERM') => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGCONT')
      child.kill(signal)
    }
    await ended
    return child.exitCode
  }
  onEnd(t, async () => {
    const deadline = setTimeout(() => child.kill('SIGKILL'), 15_000)
    await stop()
    clearTimeout(deadline)
  })
  return { child, written: () => written, stop }
}
