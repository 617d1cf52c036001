import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { eventually } from '../harness/eventually.ts'
import { freePort } from '../harness/free-port.ts'
import { rawRequest } from '../harness/raw-request.ts'
import { onEnd, type Teardown } from '../harness/teardown.ts'

/** A way through a proxy: its ports in the clear and with TLS. */
export interface Lane {
  readonly plain: number
  readonly secure: number
}

interface Command {
  readonly file: string
  readonly args: readonly string[]
}

/**
 * Runs a server in the foreground until the test ends, on ports of its own, once its last lane answers /closed with
 * `closed`. `prepare` writes its configuration. Somebody else may take a port before the server does; then it is tried with others.
 */
export async function serveOnFreePorts(
  t: Teardown,
  count: number,
  prepare: (lanes: readonly Lane[]) => Promise<Command>,
  closed: readonly number[] = [403],
): Promise<readonly Lane[]> {
  for (let tries = 3; ; tries--) {
    const lanes: Lane[] = []
    while (lanes.length < count) lanes.push({ plain: await freePort(), secure: await freePort() })
    const { file, args } = await prepare(lanes)
    const running = start(t, file, args)
    if (await running.answersOn(lanes.at(-1)?.plain ?? 0, closed)) return lanes
    if (tries === 1) throw new Error(`${file} does not serve: ${running.said()}`)
  }
}

/** The version that a program tells, to either output. */
export function versionOf(file: string, flag: string): string {
  const shown = execFileSync('/bin/sh', ['-c', `"${file}" ${flag} 2>&1`]).toString()
  return /\d+\.\d+\.\d+/.exec(shown)?.[0] ?? 'unknown'
}

function start(t: Teardown, file: string, args: readonly string[]) {
  const child = spawn(file, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk
  })
  // Teardown does not run where the test's own process dies.
  const onExit = () => void child.kill('SIGKILL')
  process.once('exit', onExit)
  onEnd(t, async () => {
    process.off('exit', onExit)
    await end(child)
  })
  return {
    said: () => said,
    /** False if it has ended by itself. */
    answersOn: (port: number, closed: readonly number[]): Promise<boolean> =>
      eventually(
        async () => {
          if (child.exitCode !== null) return 'ended'
          const { statuses } = await rawRequest(port, 'GET /closed HTTP/1.1\r\nHost: localhost\r\n\r\n')
          return closed.includes(statuses[0] ?? 0) ? 'serves' : undefined
        },
        { timeout: 10_000, every: 50 },
      ).then((outcome) => outcome === 'serves'),
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill('SIGTERM')
  const impatience = setTimeout(() => child.kill('SIGKILL'), 3000)
  await gone
  clearTimeout(impatience)
}
