import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onEnd, type Teardown } from './teardown.ts'

/** Absolute path of a new empty folder, which goes with all that is in it. */
export async function tempFolder(t: Teardown): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'gatehouse-test-'))
  onEnd(t, () => rm(folder, { recursive: true, force: true }))
  return folder
}
