import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { adminOf, prepare, proxyAnswers } from './first-start.ts'
import { type ServiceName, services } from './roster.ts'

/**
 * `make run`: the proxy and all services, each a process of its own, until CTRL-C. With names as arguments only those
 * services, beside a proxy that runs already: `npm run service:photos`.
 *
 * A service that ends is started again, later each time; one whose settings are wrong (code 2) is left alone, because
 * it has said what to mend. The end of the proxy is the end of all.
 */

const project = fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? '..' : '../..', import.meta.url))
const names = process.argv.slice(2)
const unknown = names.filter((name) => !Object.hasOwn(services, name))
if (unknown.length > 0) {
  console.error(`There is no service ${unknown.join(', ')}; there are ${Object.keys(services).join(', ')}.`)
  process.exit(2)
}
process.chdir(project)

/** Milliseconds before a service that ended is started again: the first time, at most, and after which it counts as well. */
const [firstPause, longestPause, goodRun] = [500, 15_000, 30_000]

const running = new Map<string, ChildProcess>()
/** Those that start again in a while. */
const waiting = new Map<string, NodeJS.Timeout>()
let stopping = false
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop(signal))

const withProxy = names.length === 0
if (withProxy && (await proxyAnswers())) {
  // Ours could not listen, and the services would announce themselves to a proxy that is not theirs.
  console.error(
    `A Gatehouse runs here already: it answers at ${adminOf()}. Stop it, or give this one ADMIN_PORT, HTTP_PORT, HTTPS_PORT and DEVICES_PORT.`,
  )
  process.exit(2)
}
if (withProxy) {
  const proxy = launch('gatehouse', './gatehouse', ['serve'], process.env)
  proxy.on('exit', (code, signal) => {
    process.exitCode = code ?? (signal === 'SIGINT' ? 130 : 1)
    if (!stopping) stop('SIGTERM')
  })
  // Its first start makes files that a token of a service stands on.
  while (!stopping && !(await proxyAnswers())) await new Promise((resolve) => setTimeout(resolve, 50))
}
for (const name of (withProxy ? Object.keys(services) : names) as ServiceName[]) void run(name)

// --- internal ---

async function run(name: ServiceName, failures = 0): Promise<void> {
  const startLater = (why: string, failed: number): void => {
    const pause = Math.min(longestPause, firstPause * 2 ** failed)
    console.error(`${name}: ${why}; starts again in ${pause / 1000} s.`)
    waiting.set(
      name,
      setTimeout(() => void run(name, failed + 1), pause),
    )
  }
  let env: NodeJS.ProcessEnv
  try {
    env = { ...process.env, ...(await prepare(name, services[name])), ...metricsPort(name) }
  } catch (error) {
    if (!stopping) startLater((error as Error).message, failures)
    return
  }
  if (stopping) return
  const main = fileURLToPath(
    new URL(`${name}/main.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url),
  )
  const began = Date.now()
  const child = launch(name, process.execPath, [main], env)
  child.on('exit', (code) => {
    if (stopping) return
    if (code === 2) return console.error(`${name}: not started; mend its settings and start again.`)
    startLater(`ended with ${code}`, Date.now() - began > goodRun ? 0 : failures)
  })
}

/** All of them hear the same variable, and each takes a port: the first that is named, and those after it. */
function metricsPort(name: ServiceName): NodeJS.ProcessEnv {
  const first = Number(process.env.METRICS_PORT)
  if (!withProxy || !(first > 0)) return {}
  return { METRICS_PORT: String(first + Object.keys(services).indexOf(name)) }
}

function launch(name: string, command: string, args: string[], env: NodeJS.ProcessEnv): ChildProcess {
  const child = spawn(command, args, { env, stdio: 'inherit' })
  running.set(name, child)
  child.on('error', (error) => console.error(`${name}: ${error.message}`))
  child.on('exit', () => running.delete(name))
  return child
}

/** The services first hear that nothing new comes; what they have under way ends through the proxy. */
function stop(signal: NodeJS.Signals): void {
  // A terminal sends CTRL-C to every process of the group, which needs no second one.
  const heard = signal === 'SIGINT' && process.stdin.isTTY && !stopping
  stopping = true
  for (const timer of waiting.values()) clearTimeout(timer)
  if (!heard) for (const child of running.values()) child.kill('SIGTERM')
}
