import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { freePort } from '../harness/free-port.ts'
import { onEnd, type Teardown } from '../harness/teardown.ts'
import { tempFolder } from '../harness/temp-folder.ts'
import { projectFolder } from '../system/shipped.ts'
import { withoutComment } from './commands.ts'

/** A command, and whether a reader sees it: the others make what the document takes for granted. */
export interface Step {
  readonly command: string
  readonly isShown: boolean
}

export interface Ran extends Step {
  readonly code: number
  /** Both streams. */
  readonly output: string
}

/** Ports that documents name. In the sandbox each is another one, which is free, unless it has a network of its own. */
const namedPorts = ['8443', '8080', '8000', '9901', '9911', '3000', '3001', '3002']

/**
 * Commands that serve until they are stopped. A reader has a terminal for each; here they run in the background until the
 * end, and the next command waits until their port answers. `make run` would build pages first, and start five services.
 */
const serving: readonly [pattern: RegExp, instead: string, isUp: string][] = [
  [/^make run$/, './gatehouse serve', listens(8443)],
  [/^\.\/gatehouse serve\b.*/, '', listens(8443)],
  [/^node .*\bapp\.mjs$/, '', listens(3000)],
  [/^redis-server\b/, '', listens(6379)],
  [/^npm run hikvision:device\b/, '', listens(3001)],
  [/^METRICS_PORT=9911 npm run service:visits$/, '', listens(9911)],
  ...['visits', 'camera', 'photos', 'hikvision', 'desktops'].map((name): [RegExp, string, string] => [
    new RegExp(`^npm run service:${name}$`),
    '',
    `curl -s http://127.0.0.1:9901/v1/upstreams | grep -q '"${name}"'`,
  ]),
]

function listens(port: number): string {
  return `(exec 3<>/dev/tcp/127.0.0.1/${port}) 2>/dev/null`
}

/**
 * Exit codes beside 0 that are an answer and no failure: no, a table with mistakes where the page speaks of one, and the end
 * of the time that curl was given.
 */
const answers: readonly [RegExp, number][] = [
  [/^\.\/gatehouse (?:explain|observed|plan|why|certs|upstreams)\b/, 1],
  [/^\.\/gatehouse (?:check|test)$/, 2],
  [/^curl .*-m 5 /, 28],
]

/**
 * Runs commands in one shell, in a fresh copy of the project, until one fails. `enclosed`: in a network and with mounts
 * of its own.
 */
export async function runInSandbox(t: Teardown, steps: readonly Step[], enclosed = false): Promise<Ran[]> {
  const folder = await copyProject(t)
  const ports = new Map<string, string>()
  for (const name of namedPorts) ports.set(name, enclosed ? name : String(await freePort()))
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
    ...(enclosed ? ['ip link set lo up'] : []),
    ...steps.map(({ command }, index) => withPorts(stepOf(command, index))),
  ]
  await writeFile(join(folder, '.script'), script.join('\n'))
  const [program = '', ...args] = [...(enclosed ? ['unshare', '--net', '--mount'] : []), 'bash', '.script']
  const child = spawn(program, args, { cwd: folder, env: { ...process.env, ...env }, detached: true })
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
    ...(steps[Number(index)] as Step),
    code: Number(code),
    output,
  }))
}

function stepOf(command: string, index: number): string {
  const bare = withoutComment(command)
  const [, good = 0] = answers.find(([each]) => each.test(bare)) ?? []
  const told = `code=$?; [ $code = ${good} ] && code=0; [ $code = 0 ] || cat serving.log 2>/dev/null; echo "@@ ${index} $code"; [ $code = 0 ] || exit 1`
  const [pattern, instead = '', isUp = ''] = serving.find(([each]) => each.test(bare)) ?? []
  if (pattern !== undefined)
    return `${/gatehouse serve/.test(instead || bare) ? 'touch .serves\n' : ''}${instead || bare} >>serving.log 2>&1 </dev/null &
until ${isUp}; do kill -0 $! 2>/dev/null || break; sleep 0.2; done
${isUp}
${told}`
  // A reader takes longer than a reload, and than a batch of the access log; this reader does not. Nor does it take longer
  // than a start, of which a port that answers is not the end.
  if (/^cat > \S*routes\.yaml|^mv \S*routes\.test\.yaml/.test(command))
    return `before=$(grep -c 'taken up' serving.log 2>/dev/null)
${command}
for i in $(seq 300); do [ -e .serves ] || break; [ "$(grep -c 'taken up' serving.log)" = "$before" ] || break; sleep 0.2; done
true
${told}`
  if (/gatehouse (?:observed|plan|why) /.test(command)) return `sleep 1.5\n${command}\n${told}`
  return `${command}\n${told}`
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
