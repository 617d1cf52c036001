import { Command, CommanderError, Option } from 'commander'
import { version } from './cluster/version.ts'

/**
 * The `gatehouse` command. Each command is loaded when it is called, so that none pays for the others.
 *
 * Exit codes: 0 as asked; 1 the answer is no; 2 it could not be asked, or routes.yaml has mistakes.
 */
const io = {
  out: (text: string): void => void process.stdout.write(`${text}\n`),
  err: (text: string): void => void process.stderr.write(`${text}\n`),
  colour: process.stdout.isTTY === true && !process.env.NO_COLOR,
}

const program = new Command('gatehouse')
  .description('A programmable reverse proxy: one public address in front of many private services.')
  .version(version, '-v, --version')
  .showHelpAfterError('(--help says more)')
  .configureHelp({ sortSubcommands: false, showGlobalOptions: false })
  .addHelpText('after', '\nWithout a command it serves. `gatehouse COMMAND --help` says more.')
  .exitOverride()

const fileOption = (): Option => new Option('-f, --file <file>', 'the route table').default('routes.yaml')
const jsonOption = (): Option => new Option('--json', 'answer as JSON')

command('serve', 'serve routes.yaml until stopped; a change of the file is live within a second')
  .addOption(fileOption())
  .option('--no-first-start', 'make no missing password files and keys')
  .addOption(jsonOption())
  .action(async ({ file, firstStart, json = false }) => {
    const { forkAhead } = await import('./cluster/fork.ts')
    forkAhead()
    const { runServe } = await import('./cli/serve.ts')
    process.exit(await runServe({ file, firstStart, json }, io))
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
  .option('-H, --header <"Name: value">', 'a header field; may be repeated', gather, [])
  .option('--from <address>', 'address of the client', '127.0.0.1')
  .option('--listener <name>', 'where it arrives, if the URL does not tell')
  .option('--http2', 'ask over HTTP/2')
  .option('--upgrade', 'ask for a WebSocket')
  .addOption(jsonOption())
  .action(async (request: string[], { header, http2 = false, upgrade = false, json = false, ...args }) => {
    const { runExplain } = await import('./cli/explain.ts')
    const [url = '', method = 'GET'] = request.reverse()
    process.exitCode = await runExplain({ method, url, headers: header, http2, upgrade, json, ...args }, io)
  })

command('schema', 'print the JSON Schema of routes.yaml, which editors read')
  .option('-f, --file <file>', 'a route table whose extensions are described, too')
  .option('--write [file]', 'write it to a file; without a name to the one that comes with Gatehouse')
  .option('--check', 'only compare with that file')
  .action(async ({ file, write, check = false }) => {
    const { runSchema } = await import('./cli/schema.ts')
    process.exitCode = await runSchema({ file, write: write === true ? '' : write, check }, io)
  })

command('upstreams', 'show each target of the running Gatehouse: its health, lease, exchanges, last error')
  .addOption(fileOption())
  .option('--admin <url>', 'its admin listener, if routes.yaml does not say: http://127.0.0.1:9901')
  .addOption(jsonOption())
  .action(async ({ file, admin, json = false }) => {
    const { runUpstreams } = await import('./cli/upstreams.ts')
    process.exitCode = await runUpstreams({ file, admin, json }, io)
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
  .option('-u, --upstream <name>', 'an upstream that it may fill; may be repeated', gather, [])
  .option('--ttl <duration>', 'how long it holds', '90d')
  .option('--revoke <id>', 'let the token of this id hold no longer')
  .addOption(fileOption())
  .addOption(jsonOption())
  .action(async ({ upstream, ttl, revoke, file, json = false }) => {
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

function gather(value: string, before: string[]): string[] {
  return [...before, value]
}
