import { Argument, Command, CommanderError, Option } from 'commander'
import { terminalText } from './cli/terminal-text.ts'
import { version } from './cluster/version.ts'

/**
 * The `gatehouse` command. Each command is loaded when it is called, so that none pays for the others.
 *
 * Exit codes: 0 as asked; 1 the answer is no; 2 it could not be asked, or routes.yaml has mistakes.
 */
const io = {
  out: (text: string): void => void process.stdout.write(`${terminalText(text)}\n`),
  err: (text: string): void => void process.stderr.write(`${terminalText(text)}\n`),
  colour: process.stdout.isTTY === true && !process.env.NO_COLOR,
  columns: process.stdout.columns as number | undefined,
}

const program = new Command('gatehouse')
  .description('A programmable reverse proxy: one public address in front of many private services.')
  .version(version, '-v, --version')
  .showHelpAfterError('(--help says more)')
  .configureHelp({ sortSubcommands: false, showGlobalOptions: false })
  .addHelpText('after', '\nWithout a command it serves. `gatehouse COMMAND --help` says more.')
  .exitOverride()
  // `… | head` is no fault. Whoever serves goes on.
  .hook('preAction', (_, called) => {
    if (called.name() === 'serve') return
    process.stdout.on('error', ({ code }: NodeJS.ErrnoException) => process.exit(code === 'EPIPE' ? 0 : 1))
  })

const fileOption = (): Option => new Option('-f, --file <file>', 'the route table').default('routes.yaml')
const jsonOption = (): Option => new Option('--json', 'answer as JSON')

command('serve', 'serve routes.yaml until stopped; a change of the file is live within a second')
  .addOption(fileOption())
  .option('--no-first-start', 'make no missing password files and keys')
  .option('--skip-tests', 'start although tests in routes.test.yaml fail')
  .addOption(jsonOption())
  .action(async ({ file, firstStart, skipTests = false, json = false }) => {
    const { forkAhead } = await import('./cluster/fork.ts')
    forkAhead()
    const { runServe } = await import('./cli/serve.ts')
    process.exit(await runServe({ file, firstStart, skipTests, json }, io))
  })

command('check', 'name every mistake of routes.yaml, and what is surely not meant')
  .argument('[file]', 'the route table; the same as --file')
  .addOption(fileOption())
  .option('--strict', 'let warnings fail as mistakes do')
  .addOption(jsonOption())
  .action(async (named, { file, json = false, strict = false }) => {
    const { runCheck } = await import('./cli/check.ts')
    process.exitCode = await runCheck({ file: named ?? file, json, strict }, io)
  })

command('explain', 'say what would become of a request: its route, each verdict, what would be sent')
  .usage('[options] [METHOD] URL')
  .argument('<request...>', 'GET https://localhost:8443/open; the method may be left out')
  .addOption(fileOption())
  .option('-H, --header <"Name: value">', 'a header field; may be repeated', gather)
  .option('--from <address>', 'address of the client', '127.0.0.1')
  .option('--listener <name>', 'where it arrives, if the URL does not tell')
  .option('--http2', 'ask over HTTP/2')
  .option('--upgrade', 'ask for a WebSocket')
  .addOption(jsonOption())
  .action(
    async (request: string[], { header = [], http2 = false, upgrade = false, json = false, ...args }) => {
      const { runExplain } = await import('./cli/explain.ts')
      const [url = '', method = 'GET'] = request.reverse()
      process.exitCode = await runExplain(
        { method: method.toUpperCase(), url, headers: header, http2, upgrade, json, ...args },
        io,
      )
    },
  )

command(
  'plan',
  'say what another route table would change: what it says, and what requests of the log would get',
)
  .argument('<candidate>', 'the route table that might come')
  .addOption(fileOption())
  .option('--log <file>', 'an access log to try it on; may be repeated', gather)
  .option('--last <number>', 'how many requests of the log, from its end', '100000')
  .addOption(jsonOption())
  .action(async (candidate, { file, log = [], last, json = false }) => {
    const { runPlan } = await import('./cli/plan.ts')
    process.exitCode = await runPlan({ candidate, file, logs: log, last: Number(last), json }, io)
  })

command('test', 'run the tests beside a route table, as every reload does before it puts the table in force')
  .argument('[file]', 'the route table; the same as --file')
  .addOption(fileOption())
  .option('--tests <file>', 'the tests, if they are not in routes.test.yaml beside it')
  .addOption(new Option('--format <name>', 'how to answer').choices(['text', 'tap', 'junit']).default('text'))
  .addOption(jsonOption())
  .action(async (named, { file, tests, format, json = false }) => {
    const { runTest } = await import('./cli/test.ts')
    process.exitCode = await runTest({ file: named ?? file, tests, format: json ? 'json' : format }, io)
  })

command('import', 'read a site of nginx, a Caddyfile, Traefik or Apache, and write it as routes.yaml')
  .argument('<file>', 'what is read')
  .addOption(
    new Option('--from <kind>', 'what it is, if it does not show').choices([
      'nginx',
      'caddy',
      'traefik',
      'apache',
    ]),
  )
  .option('--out <file>', 'where to write; what exists is never written over')
  .addOption(jsonOption())
  .action(async (file, { from, out, json = false }) => {
    const { runImport } = await import('./cli/import.ts')
    process.exitCode = await runImport({ file, from, out, json }, io)
  })

command('schema', 'print the JSON Schema of routes.yaml, or of routes.test.yaml, which editors read')
  .option('-f, --file <file>', 'a route table whose extensions are described, too')
  .option('--tests', 'that of routes.test.yaml')
  .option('--write [file]', 'write it to a file; without a name both to those that come with Gatehouse')
  .option('--check', 'only compare with that file, or those')
  .addOption(jsonOption())
  .action(async ({ file, tests = false, write, check = false, json = false }) => {
    const { runSchema } = await import('./cli/schema.ts')
    process.exitCode = await runSchema({ file, tests, write: write === true ? '' : write, check, json }, io)
  })

command('upstreams', 'show each target of the running Gatehouse: its health, lease, exchanges, last error')
  .addOption(fileOption())
  .option('--admin <url>', 'its admin listener, if routes.yaml does not say: http://127.0.0.1:9901')
  .addOption(jsonOption())
  .action(async ({ file, admin, json = false }) => {
    const { runUpstreams } = await import('./cli/upstreams.ts')
    process.exitCode = await runUpstreams({ file, admin, json }, io)
  })

command('top', 'show routes, upstreams and workers of the running Gatehouse, each second anew')
  .option('--once', 'show them once')
  .addOption(fileOption())
  .option('--admin <url>', 'the admin listener, if routes.yaml does not say: http://127.0.0.1:9901')
  .addOption(jsonOption())
  .action(async ({ once = false, file, admin, json = false }) => {
    const { runTop } = await import('./cli/top.ts')
    const { stdout } = process
    // One row stays free for the end of the last line, and for what is said of a connection that was lost.
    const screen = stdout.isTTY ? () => ({ columns: stdout.columns, rows: stdout.rows - 2 }) : undefined
    process.exitCode = await runTop({ once, file, admin, json, screen }, io)
  })

command('tail', 'follow the exchanges of the running Gatehouse as they end')
  .option('--route <name>', 'only of this route; _other where none matched')
  .option('--status <status>', 'only with this status, or of a class of them: 404, 5xx')
  .option('--from <address>', 'only of this client, or of a network of them')
  .addOption(fileOption())
  .option('--admin <url>', 'the admin listener, if routes.yaml does not say: http://127.0.0.1:9901')
  .addOption(jsonOption())
  .action(async ({ json = false, ...args }) => {
    const { runTail } = await import('./cli/tail.ts')
    process.exitCode = await runTail({ json, ...args }, io)
  })

command('why', 'show the last decisions about one client, and what would mend them')
  .argument('[address]', 'address of the client; without one, the last decisions about anybody')
  .option('--refused', 'only what was not let pass')
  .addOption(
    new Option('--as <form>', 'show the last request as a command or a test').choices(['curl', 'test']),
  )
  .addOption(fileOption())
  .option('--admin <url>', 'the admin listener, if routes.yaml does not say: http://127.0.0.1:9901')
  .addOption(jsonOption())
  .action(async (client, { refused = false, as, file, admin, json = false }) => {
    const { runWhy } = await import('./cli/why.ts')
    process.exitCode = await runWhy({ client, refused, as, file, admin, json }, io)
  })

command('observed', 'show whom policies in observe mode would have refused, from the access log')
  .argument('[policy]', 'closed-site.allow, or closed-site for all of a route')
  .option('--since <duration>', 'how far back', '24h')
  .option('--log <file>', 'an access log; may be repeated', gather)
  .addOption(fileOption())
  .addOption(jsonOption())
  .action(async (policy, { since, log = [], file, json = false }) => {
    const { runObserved } = await import('./cli/observed.ts')
    process.exitCode = await runObserved({ policy, since, logs: log, file, json }, io)
  })

command(
  'certs',
  'show each certificate of the running Gatehouse: its names, its end, and why one cannot be got',
)
  .addOption(fileOption())
  .option('--admin <url>', 'the admin listener, if routes.yaml does not say: http://127.0.0.1:9901')
  .addOption(jsonOption())
  .action(async ({ file, admin, json = false }) => {
    const { runCerts } = await import('./cli/certs.ts')
    process.exitCode = await runCerts({ file, admin, json }, io)
  })

command('reload', 'put a new worker in the place of each, one after the other: for a new build')
  .addOption(fileOption())
  .option('--admin <url>', 'the admin listener, if routes.yaml does not say: http://127.0.0.1:9901')
  .addOption(jsonOption())
  .action(async ({ file, admin, json = false }) => {
    const { runReload } = await import('./cli/reload.ts')
    process.exitCode = await runReload({ file, admin, json }, io)
  })

command('token', 'make the token by which a service announces itself, or revoke one')
  .option('-u, --upstream <name>', 'an upstream that it may fill; may be repeated', gather)
  .option('--ttl <duration>', 'how long it holds', '90d')
  .option('--revoke <id>', 'let the token of this id hold no longer')
  .addOption(fileOption())
  .addOption(jsonOption())
  .action(async ({ upstream = [], ttl, revoke, file, json = false }) => {
    const { runToken } = await import('./cli/token.ts')
    process.exitCode = await runToken({ upstreams: upstream, ttl, revoke, file, json }, io)
  })

command('hash', 'make a line for the password file of `basicAuth`; the password is asked for')
  .argument('<user>', 'name of the user')
  .option('--algorithm <name>', 'argon2id, scrypt or bcrypt')
  .option('--file <file>', 'add the user to this htpasswd file, or replace its line')
  .addOption(jsonOption())
  .action(async (user, options) => {
    const { runHash } = await import('./cli/hash.ts')
    process.exitCode = await runHash({ user, ...options }, process)
  })

command('completion', 'print what completes this command in a shell: eval "$(gatehouse completion bash)"')
  .addArgument(new Argument('<shell>', 'the shell').choices(['bash', 'zsh']))
  .addOption(jsonOption())
  .action(async (shell, { json = false }) => {
    const { completionFor } = await import('./cli/completion.ts')
    const script = completionFor(shell, program)
    io.out(json ? JSON.stringify({ shell, script }) : script)
  })

try {
  const given = process.argv.slice(2)
  const [first] = given
  const asksForItself = first !== undefined && /^(-h|--help|-v|--version|help)$/.test(first)
  const namesCommand = first !== undefined && !first.startsWith('-')
  await program.parseAsync(asksForItself || namesCommand ? given : ['serve', ...given], { from: 'user' })
} catch (error) {
  if (!(error instanceof CommanderError)) throw error
  // Commander has said what is to say. A help or a version that was asked for is no fault.
  process.exitCode = error.exitCode === 0 ? 0 : 2
}

// --- internal ---

function command(name: string, description: string): Command {
  return program.command(name).description(description).exitOverride()
}

function gather(value: string, before: string[] = []): string[] {
  return [...before, value]
}
