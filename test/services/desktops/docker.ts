import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { eventually } from '../../harness/eventually.ts'
import { needs, pathOf } from '../../harness/parts.ts'
import { onEnd, type Teardown } from '../../harness/teardown.ts'
import { tempFolder } from '../../harness/temp-folder.ts'

/** A Docker engine of the test's own. */
export interface Engine {
  readonly socket: string
  /** Runs the docker command against it, and answers what that printed. */
  docker(...args: string[]): Promise<string>
  stop(): Promise<void>
  start(): Promise<void>
}

export interface EngineOptions {
  /** Where it keeps images. Default: a folder that goes with the test. */
  readonly data?: string
  /** Words in front of the command: another network namespace. */
  readonly before?: readonly string[]
  readonly args?: readonly string[]
}

/** Where an image is kept that takes minutes to build: outside of the project, whose tools look at every file in it. */
export const keptImages = '/var/tmp/gatehouse-test-docker'

/** For the tests that start containers. */
export const withDocker = asRoot(
  needs('dockerd', 'docker', 'debootstrap', 'busybox', 'ip', 'openssl', 'postgresql', 'chromium', 'fonts'),
)

export async function startEngine(t: Teardown, options: EngineOptions = {}): Promise<Engine> {
  // Short, because the paths of its sockets may not be long.
  const folder = await tempFolder(t)
  const data = options.data ?? join(folder, 'data')
  const socket = join(folder, 'docker.sock')
  await mkdir(data, { recursive: true })
  let child: ChildProcess | undefined

  const docker = async (...args: string[]): Promise<string> => {
    const env = { ...process.env, DOCKER_HOST: `unix://${socket}` }
    const { stdout } = await promisify(execFile)(pathOf('docker'), args, { env, maxBuffer: 64 * 1024 * 1024 })
    return stdout.trim()
  }

  async function launch(driver: string): Promise<boolean> {
    const log = join(folder, 'dockerd.log')
    const [command = '', ...args] = [
      ...(options.before ?? []),
      pathOf('dockerd'),
      ...[
        '--data-root',
        data,
        '--exec-root',
        join(folder, 'exec'),
        // Two engines on one folder would spoil it; the second one finds this.
        ...['--pidfile', join(data, 'engine.pid')],
      ],
      ...[
        '--host',
        `unix://${socket}`,
        '--bridge',
        'none',
        // They need no way out, and the machine's own forwarding is left as it is.
        '--ip-forward=false',
        '--storage-driver',
        driver,
        '--log-level',
        'warn',
      ],
      ...(options.args ?? []),
    ]
    // It goes with the test, even if that is broken off.
    const quietly = `exec setpriv --pdeathsig TERM "$@" >>"${log}" 2>&1`
    const started = spawn('sh', ['-c', quietly, 'sh', command, ...args], { stdio: 'ignore' })
    child = started
    const answers = await eventually(
      async () =>
        started.exitCode !== null
          ? 'ended'
          : (await docker('version', '--format', '{{.Server.Version}}')) && 'answers',
      { timeout: 40_000, every: 100 },
    )
    if (answers === 'answers') return true
    if (driver === 'vfs')
      throw new Error(`dockerd does not start:\n${(await readFile(log, 'utf8')).slice(-2000)}`)
    return false
  }

  const engine: Engine = {
    socket,
    docker,
    async start() {
      // Where the file system of the machine is a layer itself, another cannot be put on it.
      if (!(await launch('overlay2'))) await launch('vfs')
    },
    async stop() {
      if (child === undefined || child.exitCode !== null) return
      const ended = once(child, 'exit')
      child.kill('SIGTERM')
      const deadline = setTimeout(() => child?.kill('SIGKILL'), 30_000)
      await ended
      clearTimeout(deadline)
    },
  }
  onEnd(t, async () => {
    await clear(engine).catch(() => {})
    await engine.stop()
  })
  await engine.start()
  // A run before that was broken off may have left something.
  await clear(engine)
  return engine
}

// --- internal ---

/** What a test that broke off has left, and the rules that a network puts into the machine's firewall. */
async function clear({ docker }: Engine): Promise<void> {
  const containers = (await docker('ps', '--all', '--quiet')).split('\n').filter(Boolean)
  if (containers.length > 0) await docker('rm', '--force', ...containers)
  const volumes = (await docker('volume', 'ls', '--quiet')).split('\n').filter(Boolean)
  if (volumes.length > 0) await docker('volume', 'rm', '--force', ...volumes)
  await docker('network', 'prune', '--force')
}

function asRoot(needed: { skip: false | string }): { skip: false | string } {
  return needed.skip || process.getuid?.() === 0 ? needed : { skip: 'needs root, which Docker runs as' }
}
