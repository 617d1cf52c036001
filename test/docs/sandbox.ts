import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { freePort } from '../harness/free-port.ts'
import { onEnd, type Teardown } from '../harness/teardown.ts'
import { tempFolder } from '../harness/temp-folder.ts'
import { projectFolder } from '../system/shipped.ts'

export interface Ran {
  readonly command: string
  readonly code: number
  /** Both streams. */
  readonly output: string
}

/** Ports that documents name. In the sandbox each is another one, which is free. */
const namedPorts = ['8443', '8080', '8000', '9901', '3000', '3001', '3002']

/**
 * Commands that serve until they are stopped. A reader has a terminal for each; here they run in the background until the
 * end, and the next command waits until their port answers. `make run` would build pages first, and start five services.
 */
const serving: readonly [RegExp, string, string][] = [
  [/^make run$/, './gatehouse serve', '8443'],
  [/^\.\/gatehouse serve\b.*/, '', '8443'],
  [/^node .*\bapp\.mjs$/, '', '3000'],
]

/** The answer of these may be no, which is exit code 1 and no failure. */
const mayAnswerNo = /^\.\/gatehouse (?:explain|observed|plan|why|certs) /

/** Runs commands in one shell, in a fresh copy of the project, until one fails. */
export async function runInSandbox(t: Teardown, commands: readonly string[]): Promise<Ran[]> {
  const folder = await copyProject(t)
  const ports = new Map<string, string>()
  for (const name of namedPorts) ports.set(name, String(await freePort()))
  const withPorts = (text: string) =>
    text.replace(/(?<![\d.-])\d{4}(?![\d.-])/g, (number) => ports.get(number) ?? number)
  const env = {
    HTTP_PORT: ports.get('8080'),
    HTTPS_PORT: ports.get('8443'),
    DEVICES_PORT: ports.get('8000'),
    ADMIN_PORT: ports.get('9901'),
    NODE_TEST_CONTEXT: undefined,
    // Its own, which goes with the folder.
    NODE_COMPILE_CACHE: undefined,
    // A password is asked for at a terminal, and read from a pipe.
    HOME: folder,
  }
  const script = [
    "trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT",
    ...commands.map((command, index) => stepOf(withPorts(command), index, ports)),
  ]
  await writeFile(join(folder, '.script'), script.join('\n'))
  const child = spawn('bash', ['.script'], { cwd: folder, env: { ...process.env, ...env }, detached: true })
  onEnd(t, () => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
    } catch {
      // All of it has ended.
    }
  })
  child.stdin.end('correct horse battery\n'.repeat(20))
  let said = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk) => {
      said += chunk
    })
  await once(child, 'close')
  return Array.from(said.matchAll(/([\s\S]*?)@@ (\d+) (\d+)\n/g), ([, output = '', index, code]) => ({
    command: commands[Number(index)] as string,
    code: Number(code),
    output,
  }))
}

function stepOf(command: string, index: number, ports: ReadonlyMap<string, string>): string {
  const told = `code=$?; ${mayAnswerNo.test(command) ? '[ $code = 1 ] && code=0; ' : ''}echo "@@ ${index} $code"; [ $code = 0 ] || exit 1`
  const [pattern, instead = '', port = ''] =
    serving.find(([each]) => each.test(withoutComment(command))) ?? []
  if (pattern !== undefined) {
    const answers = `(exec 3<>/dev/tcp/127.0.0.1/${ports.get(port)}) 2>/dev/null`
    return `${instead || withoutComment(command)} >>serving.log 2>&1 </dev/null &
until ${answers}; do kill -0 $! 2>/dev/null || break; sleep 0.2; done
${answers} || cat serving.log
${told}`
  }
  // A reader takes longer than a reload, and than a batch of the access log; this reader does not.
  if (/^cat > \S*routes\.yaml/.test(command))
    return `before=$(grep -c 'is taken up' serving.log 2>/dev/null)
${command}
for i in $(seq 100); do grep -q ' serves ' serving.log 2>/dev/null || break; [ "$(grep -c 'is taken up' serving.log)" = "$before" ] || break; sleep 0.2; done
true
${told}`
  if (/gatehouse (?:observed|plan|why) /.test(command)) return `sleep 1.5\n${command}\n${told}`
  return `${command}\n${told}`
}

/** Of a command on one line, outside quotes. */
function withoutComment(command: string): string {
  return command.replace(/\s+#[^'"]*$/, '')
}

/** As a clone is after `make install`. Packages are the same, and are not copied. */
async function copyProject(t: Teardown): Promise<string> {
  const folder = await tempFolder(t)
  const listed = execFileSync(
    'git',
    ['ls-files', '--cached', '--others', '--exclude-standard', '-z', '--', ':!test'],
    { cwd: projectFolder },
  )
  const packed = execFileSync('tar', ['-cf', '-', '--null', '-T', '-'], {
    cwd: projectFolder,
    input: listed,
    maxBuffer: 1 << 28,
  })
  execFileSync('tar', ['-xf', '-', '-C', folder], { input: packed })
  await symlink(join(projectFolder, 'node_modules'), join(folder, 'node_modules'))
  // Where `make run` would have put a page.
  await mkdir(join(folder, 'dist/pages/photos'), { recursive: true })
  return folder
}
