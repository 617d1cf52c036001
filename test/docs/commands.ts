import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { projectFolder } from '../system/shipped.ts'
import { readDocument } from './documents.ts'

/** Commands as documents have them, and what can be said of one without running it. */

/** The commands of a block, one a text: lines that belong together are together, comments are gone. */
export function splitCommands(block: string): string[] {
  const commands: string[] = []
  let command = ''
  let until: string | undefined
  for (const line of block.split('\n')) {
    if (until === undefined && command === '' && /^\s*(#|$)/.test(line)) continue
    command += command === '' ? line : `\n${line}`
    if (until === undefined) until = /<<-?\s*'?"?(\w+)'?"?/.exec(line)?.[1]
    else if (line.trim() === until) until = undefined
    if (until !== undefined || /[\\|]$/.test(line) || hasOpenQuote(command) || isInLoop(command)) continue
    commands.push(command)
    command = ''
  }
  if (command !== '') throw new Error(`is not a whole command:\n${command}`)
  return commands
}

function isInLoop(text: string): boolean {
  return (text.match(/\bdo$/gm)?.length ?? 0) > (text.match(/^\s*done\b/gm)?.length ?? 0)
}

function hasOpenQuote(text: string): boolean {
  const bare = text.replace(/<<-?\s*'?"?(\w+)'?"?[\s\S]*?\n\s*\1(?=\n|$)/g, '').replace(/(^|\s)#.*$/gm, '')
  let quote = ''
  for (let i = 0; i < bare.length; i++) {
    const at = bare[i] as string
    if (at === '\\' && quote !== "'") i++
    else if (quote === '' ? at === '"' || at === "'" : at === quote) quote = quote === '' ? at : ''
  }
  return quote !== ''
}

/** Of a command on one line, outside quotes. */
export function withoutComment(command: string): string {
  return command.replace(/\s+#[^'"]*$/, '')
}

/** What is wrong with a command, as far as that shows in the files of the project. */
export function findFaults(command: string): string[] {
  const text = command.replace(/<<-?\s*'?"?(\w+)'?"?[\s\S]*?\n\s*\1(?=\n|$)/g, '').replace(/(^|\s)#.*$/gm, '')
  const faults: string[] = []
  // What is quoted may hold anything, a pipe as well.
  const bare = text.replace(/'[^']*'|"(?:[^"\\]|\\[\s\S])*"/g, '_')
  for (const part of bare.split(/\n(?<!\\\n)|&&|\|\|?|;|\$\(|&(?=\s|$)/))
    faults.push(...faultsOf(wordsOf(part)))
  for (const path of text.match(/(?<![\w./-])(?:\.\/)?(?:deploy|docs|services|proxy|test|\.ci)\/[\w./-]+/g) ??
    [])
    if (!existsSync(join(projectFolder, path))) faults.push(`there is no ${path}`)
  return faults
}

// --- internal ---

function wordsOf(part: string): string[] {
  const words = part.replace(/\\\n/g, ' ').match(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g) ?? []
  const start = words.findIndex(
    (word) => !/^[\w]+=/.test(word) && !/^(?:sudo|exec|time|nohup|then|do|else|!|\{|\()$/.test(word),
  )
  return start === -1 ? [] : words.slice(start)
}

function faultsOf([program = '', ...args]: readonly string[]): string[] {
  if (program === '' || /^[)}"'>]/.test(program)) return []
  if (program === 'make') {
    const asked = args.filter((arg) => !/^-|=|^[<>]|^\d?>/.test(arg)).map((arg) => arg.replace(/[)"'].*/, ''))
    return asked.filter((target) => !targets.has(target)).map((target) => `make has no target ${target}`)
  }
  if (program === 'npm' && args[0] === 'run')
    return args[1] !== undefined && args[1] in scripts ? [] : [`package.json has no script ${args[1]}`]
  if (/(^|\/)gatehouse$/.test(program)) return faultsOfOurs(args)
  if (elsewhere.has(program.replace(/^.*\//, '')) || /^[.$"_]/.test(program) || program.startsWith('deploy/'))
    return []
  return [`${program} is a program that nobody here has heard of`]
}

/** Subcommands and options, as docs/reference.md has them, which `make check` holds to the code. */
function faultsOfOurs(args: readonly string[]): string[] {
  const name = args.find((arg) => !arg.startsWith('-'))
  if (name === undefined) return []
  const help = commandHelp.get(name)
  if (help === undefined) return [`gatehouse has no command ${name}`]
  return args
    .filter((arg) => /^--?[a-zA-Z]/.test(arg))
    .map((arg) => arg.replace(/=.*/, ''))
    .filter((option) => !new RegExp(`^ +(?:-\\w, )?${option}\\b|^ +${option},`, 'm').test(help))
    .map((option) => `gatehouse ${name} has no option ${option}`)
}

const targets = new Set(
  [...readFileSync(join(projectFolder, 'Makefile'), 'utf8').matchAll(/^([a-z-]+):/gm)].map(
    (found) => found[1],
  ),
)
const { scripts } = JSON.parse(readFileSync(join(projectFolder, 'package.json'), 'utf8')) as {
  scripts: Record<string, string>
}
const commandHelp = new Map(
  [...readDocument('docs/reference.md').text.matchAll(/^### gatehouse ([a-z]+)\n\n```\n([\s\S]*?)```/gm)].map(
    ([, name = '', help = '']) => [name, help],
  ),
)

/** Programs that are not ours. A name that is not among them is a slip of the pen, or is added here. */
const elsewhere = new Set(
  `ab apt-cache apt-get awk base64 bash break caddy cat cd certbot chmod chown cmp command continue cp curl cut date dd df diff
  dig docker done du echo esac fail2ban-client fallocate ffmpeg fi find for free function getcap git grep head htop id if install
  ip iptables journalctl jq kill kubectl kustomize logger logrotate ls lsof mkdir mv mount nc netstat nft nginx node npm npx
  nslookup nsupdate openssl ping pg_dump pg_restore pgrep pkill printf promtool ps psql python3 read redis-cli redis-server
  return rm rmdir rsync sed seq set setcap sh sha256sum shift shuf sleep sort source ss ssh stat su sync sysctl systemctl
  systemd-analyze systemd-cat systemd-cgtop systemd-run systemd-sysusers systemd-tmpfiles tail tar tcpdump tee test timedatectl
  timeout touch tr trap true truncate ufw umask umount uname unset unshare useradd usermod userdel groupadd wait watch wc wget
  while wrk xargs zcat export cosign case dmesg top uniq tac nproc lsblk hostname ulimit vmstat iostat nice renice ionice taskset strace apachectl
  expr basename dirname realpath install mktemp fuser bc column fold hash type which who pkexec runuser getent chattr flock`.split(
    /\s+/,
  ),
)
