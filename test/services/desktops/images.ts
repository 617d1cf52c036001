import { execFile } from 'node:child_process'
import { chmod, copyFile, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { pathOf } from '../../harness/parts.ts'
import type { Teardown } from '../../harness/teardown.ts'
import { tempFolder } from '../../harness/temp-folder.ts'
import { projectFolder } from '../../system/shipped.ts'
import type { Engine } from './docker.ts'

const run = promisify(execFile)

/** The real desktop of deploy/desktop, on a Debian that is made here. Minutes the first time, then nothing. */
export async function buildDesktop({ socket }: Engine): Promise<void> {
  await run(join(projectFolder, 'deploy/desktop/build'), ['--debootstrap'], {
    env: {
      ...process.env,
      DOCKER_HOST: `unix://${socket}`,
      PATH: `/usr/bin:/usr/sbin:/bin:/sbin:${process.env.PATH}`,
    },
    maxBuffer: 64 * 1024 * 1024,
  })
}

/** A desktop of two megabytes: one program that serves a page, and tells what it is sent. */
export async function importTiny(t: Teardown, { docker }: Engine): Promise<void> {
  const folder = await tempFolder(t)
  const root = join(folder, 'root')
  await mkdir(join(root, 'bin'), { recursive: true })
  await mkdir(join(root, 'www/cgi-bin'), { recursive: true })
  await copyFile(pathOf('busybox'), join(root, 'bin/busybox'))
  await chmod(join(root, 'bin/busybox'), 0o755)
  await writeFile(join(root, 'www/index.html'), 'a tiny desktop\n')
  const cookie = 'Set-Cookie: __Host-gatehouse_session=planted; Secure; Path=/'
  const script = `#!/bin/busybox sh\nprintf 'Content-Type: text/plain\\r\\n${cookie}\\r\\n\\r\\n'\n/bin/busybox env\n`
  await writeFile(join(root, 'www/cgi-bin/told'), script, { mode: 0o755 })
  const tar = join(folder, 'tiny.tar')
  await run('tar', ['-C', root, '-cf', tar, '.'])
  const command = '["/bin/busybox","httpd","-f","-p","8080","-h","/www"]'
  await docker('import', '--change', `CMD ${command}`, tar, 'tiny-desktop:latest')
  const ends = '["/bin/busybox","sh","-c","echo it is broken; exit 3"]'
  await docker('import', '--change', `CMD ${ends}`, tar, 'broken-desktop:latest')
}
