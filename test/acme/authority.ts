import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { eventually } from '../harness/eventually.ts'
import { freePort } from '../harness/free-port.ts'
import { pathOf } from '../harness/parts.ts'
import { onEnd, type Teardown } from '../harness/teardown.ts'
import { tempFolder } from '../harness/temp-folder.ts'

/** A real ACME authority: Debian's Caddy, which looks for proofs on ports 80 and 443 of the hosts that it was told of. */
export interface TestAuthority {
  /** Address of its directory. */
  readonly directory: string
  /** PEM of what it signs with, and a file of it. */
  readonly root: string
  readonly rootFile: string
  /** How many certificates it was asked to sign so far. */
  orders(): Promise<number>
  stop(): Promise<void>
}

/**
 * `hosts`: names, and where they lead. They are known to the authority alone: it has a file of hosts of its own.
 * `nameServer`: address of the server, on port 53, that it asks for records; default that of the machine.
 */
export async function startAuthority(
  t: Teardown,
  hosts: Readonly<Record<string, string>>,
  { nameServer }: { nameServer?: string } = {},
): Promise<TestAuthority> {
  const folder = await tempFolder(t)
  const port = await freePort()
  await writeFile(
    join(folder, 'hosts'),
    `127.0.0.1 localhost\n${Object.entries(hosts)
      .map(([name, address]) => `${address} ${name}\n`)
      .join('')}`,
  )
  await writeFile(
    join(folder, 'Caddyfile'),
    `{
  admin off
  skip_install_trust
  auto_https disable_redirects
  default_sni 127.0.0.1
  storage file_system ${folder}/storage
  http_port ${await freePort()}
}
https://127.0.0.1:${port} {
  tls internal
  log {
    output file ${folder}/access.log
    format json
  }
  acme_server {
    lifetime 6h
  }
}
`,
  )
  await writeFile(join(folder, 'resolv.conf'), `nameserver ${nameServer}\n`)
  const resolve = nameServer === undefined ? '' : `mount --bind ${folder}/resolv.conf /etc/resolv.conf && `
  const command = `mount --bind ${folder}/hosts /etc/hosts && ${resolve}exec ${pathOf('caddy')} run --config ${folder}/Caddyfile --adapter caddyfile`
  const env = { ...process.env, HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder }
  const child = spawn('unshare', ['-m', 'sh', '-c', command], { env, stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.on('data', (chunk) => {
    said += chunk
  })
  const stop = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  }
  onEnd(t, stop)
  const rootFile = join(folder, 'storage/pki/authorities/local/root.crt')
  const directory = `https://127.0.0.1:${port}/acme/local/directory`
  await eventually(
    async () => {
      if (child.exitCode !== null) throw new Error(`caddy ended: ${said}`)
      await readFile(rootFile)
      return said.includes('serving initial configuration')
    },
    { timeout: 30_000 },
  )
  async function orders(): Promise<number> {
    const text = await readFile(join(folder, 'access.log'), 'utf8').catch(() => '')
    const lines = text.split('\n').filter((line) => line !== '')
    return lines.filter((line) => JSON.parse(line).request.uri.endsWith('/finalize')).length
  }
  return { directory, root: await readFile(rootFile, 'utf8'), rootFile, orders, stop }
}

/** One of the loopback range, where this process alone may listen on any port. */
export function addressOfTest(): string {
  return `127.${80 + (process.pid % 100)}.${(process.pid >> 7) % 250}.80`
}
