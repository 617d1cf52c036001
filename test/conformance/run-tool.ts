import { spawn } from 'node:child_process'

export interface ToolOptions {
  cwd?: string
  /** Milliseconds until it is killed. */
  timeout: number
}

/** Runs a program to its end and answers what it said, to both outputs. Rejects only if it cannot be started. */
export function runTool(
  file: string,
  args: readonly string[],
  { cwd, timeout }: ToolOptions,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
    let said = ''
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => {
        said += chunk
      })
    // Its children go with it: shell scripts among the tools start many.
    const deadline = setTimeout(() => {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
    }, timeout)
    child.on('error', reject)
    child.on('close', () => {
      clearTimeout(deadline)
      resolve(said)
    })
  })
}
