import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { eventually } from '../../harness/eventually.ts'
import { onEnd, type Teardown } from '../../harness/teardown.ts'
import { tempFolder } from '../../harness/temp-folder.ts'

/** The camera service as a process of its own, that tests may kill. */
export interface CameraService {
  readonly folder: string
  /** The settings that it was given. */
  readonly env: NodeJS.ProcessEnv
  /** Where it listens. Another place after each start. */
  url: string
  child: ChildProcess
  /** What it logged so far. */
  log(): string
  /** kill -9, and resolves when it is gone. */
  kill(): Promise<void>
  /** Starts it again, with the same data. */
  start(): Promise<void>
}

export interface CameraOptions {
  /** Settings, and where it announces itself. */
  env?: NodeJS.ProcessEnv
  folder?: string
  /** Words in front of the command, to run it in other surroundings. */
  before?: readonly string[]
}

const main = fileURLToPath(new URL('../../../services/camera/main.ts', import.meta.url))

export async function startCamera(t: Teardown, options: CameraOptions = {}): Promise<CameraService> {
  const folder = options.folder ?? (await tempFolder(t))
  let text = ''
  const service = {
    folder,
    env: options.env ?? {},
    log: () => text,
    async kill() {
      const { child } = service
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill('SIGKILL')
      await once(child, 'exit')
    },
    async start() {
      const [command = '', ...args] = [...(options.before ?? []), process.execPath, main]
      const from = text.length
      const child = spawn(command, args, {
        env: {
          ...process.env,
          NODE_TEST_CONTEXT: undefined,
          DATA_DIR: folder,
          DISK_RESERVE: '0',
          ...options.env,
        },
        stdio: ['ignore', 'ignore', 'pipe'],
      })
      child.stderr.on('data', (piece) => {
        text += piece
      })
      service.child = child
      service.url = await eventually(
        () => {
          if (child.exitCode !== null) return `ended with ${child.exitCode}`
          return /serves (http:\S+)/.exec(text.slice(from))?.[1]
        },
        // A first start makes a database, and the machine may be busy with others that do.
        { timeout: 90_000 },
      )
      if (service.url.startsWith('ended')) throw new Error(`It ${service.url}:\n${text}`)
    },
  } as CameraService
  onEnd(t, () => service.kill())
  await service.start()
  return service
}
