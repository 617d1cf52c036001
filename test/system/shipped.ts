import { cp, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ensureFirstStartFiles } from '../../proxy/cli/init.ts'
import { freePort } from '../harness/free-port.ts'
import { type Proxy as RunningProxy, startProxy } from '../harness/proxy.ts'
import type { Teardown } from '../harness/teardown.ts'
import { tempFolder } from '../harness/temp-folder.ts'

export const projectFolder = join(import.meta.dirname, '../..')

/** A folder as somebody has it who has cloned the project and started it once. */
export interface Clone {
  readonly folder: string
  /** Ports that nobody else has, under the names that routes.yaml asks the environment for. */
  readonly env: Record<string, string>
  /** The user `admin` of the closed room, as an Authorization field. */
  readonly admin: string
  readonly password: string
}

export async function cloneShipped(t: Teardown): Promise<Clone> {
  const folder = await tempFolder(t)
  for (const part of ['routes.yaml', 'services/sites'])
    await cp(join(projectFolder, part), join(folder, part), { recursive: true })
  const env: Record<string, string> = {}
  for (const name of ['HTTP_PORT', 'HTTPS_PORT', 'DEVICES_PORT', 'ADMIN_PORT'])
    env[name] = String(await freePort())
  const made = await ensureFirstStartFiles(folder, env)
  const password = /password (\S+)/.exec(made.join('\n'))?.[1] ?? ''
  return { folder, env, password, admin: `Basic ${Buffer.from(`admin:${password}`).toString('base64')}` }
}

export interface Shipped extends Clone {
  readonly proxy: RunningProxy
}

/** The shipped routes.yaml, served from a clone, with its listeners on every address of this machine. */
export async function startShipped(t: Teardown): Promise<Shipped> {
  const clone = await cloneShipped(t)
  const yaml = await readFile(join(clone.folder, 'routes.yaml'), 'utf8')
  return { ...clone, proxy: await startProxy(t, yaml, clone) }
}

/** What a page says first, for messages that fit on a screen. */
export function headlineOf(page: string): string {
  return /<h1[^>]*>([^<]*)/.exec(page)?.[1] ?? page.slice(0, 200)
}
