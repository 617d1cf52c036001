import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type RunningCli, startCli } from '../harness/cli.ts'
import type { Teardown } from '../harness/teardown.ts'
import { tempFolder } from '../harness/temp-folder.ts'

/** `gatehouse serve` as a process of its own, with its workers and its admin listener. */
export interface Serving extends RunningCli {
  readonly folder: string
  /** `https://localhost:1234` of a listener. */
  url(listener: string): string
  readonly admin: string
  /** Saves another routes.yaml. */
  edit(yaml: string): Promise<void>
}

export interface ServingOptions {
  /** Absolute; its routes.yaml is written. Default: a new one. */
  folder?: string
  env?: NodeJS.ProcessEnv
}

/** Starts it, and answers when it serves. Ports of the file should be 0. */
export async function startServing(
  t: Teardown,
  yaml: string,
  { folder, env }: ServingOptions = {},
): Promise<Serving> {
  const cwd = folder ?? (await tempFolder(t))
  const edit = (text: string) => writeFile(join(cwd, 'routes.yaml'), text)
  await edit(yaml)
  const cli = startCli(t, ['serve', '--json'], { cwd, env })
  const [line] = await cli.said(/^\{"version".*\}$/m, 60_000)
  const { listeners, admin } = JSON.parse(line)
  return { ...cli, folder: cwd, admin, edit, url: (listener) => listeners[listener] }
}

/** Most memory that each process below a serving one has had so far, added up. Bytes. */
export function peakMemory({ child }: RunningCli): number {
  const pids = [child.pid ?? 0]
  for (const pid of pids) {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    pids.push(...children.split(' ').filter(Boolean).map(Number))
  }
  const peaks = pids.map((pid) => /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')))
  return peaks.reduce((sum, found) => sum + Number(found?.[1] ?? 0) * 1024, 0)
}
