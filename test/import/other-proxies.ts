import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathOf } from '../harness/parts.ts'

/** Debian's nginx, Caddy and Apache, serving sites that are written as their owners have them. */

export type OtherProxy = 'nginx' | 'caddy' | 'apache'

export interface Command {
  readonly file: string
  readonly args: string[]
}

/** Writes what these sites need around them into a folder. Answers the command that serves them in the foreground. */
export const serveSites: Readonly<Record<OtherProxy, (sites: string, folder: string) => Promise<Command>>> = {
  async nginx(sites, folder) {
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
      (name) => `${name}_temp_path ${folder}/${name};`,
    )
    // Debian's, which its sites include by this name.
    await writeFile(join(folder, 'proxy_params'), 'proxy_set_header Host $http_host;\n')
    await writeFile(
      join(folder, 'nginx.conf'),
      `user root; daemon off; pid ${folder}/nginx.pid; worker_processes 1; events {} http { access_log off; ${temporary.join(' ')} ${sites} }`,
    )
    return { file: pathOf('nginx'), args: ['-p', folder, '-c', 'nginx.conf', '-e', 'error.log'] }
  },
  async caddy(sites, folder) {
    await writeFile(join(folder, 'Caddyfile'), `{\n  admin off\n  auto_https off\n}\n${sites}`)
    return {
      file: pathOf('caddy'),
      args: ['run', '--config', join(folder, 'Caddyfile'), '--adapter', 'caddyfile'],
    }
  },
  async apache(sites, folder) {
    const load = apacheModules.map(
      (name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`,
    )
    const addresses = new Set([...sites.matchAll(/<VirtualHost (\S+)>/g)].map(([, address]) => address))
    const listen = [...addresses].map((address) => `Listen ${address}`)
    await writeFile(
      join(folder, 'apache.conf'),
      `ServerRoot ${folder}\nServerName localhost\n${listen.join('\n')}\nPidFile ${folder}/apache.pid\nErrorLog ${folder}/apache.log\nDefaultRuntimeDir ${folder}\n${load.join('\n')}\n${sites}`,
    )
    return { file: pathOf('apache'), args: ['-f', join(folder, 'apache.conf'), '-D', 'FOREGROUND'] }
  },
}

// --- internal ---

const apacheModules = [
  'mpm_event',
  'authn_core',
  'authn_file',
  'authz_core',
  'authz_host',
  'authz_user',
  'auth_basic',
  'proxy',
  'proxy_http',
  'headers',
  'alias',
  'rewrite',
  'dir',
  'remoteip',
  'proxy_balancer',
  'slotmem_shm',
  'lbmethod_byrequests',
]
