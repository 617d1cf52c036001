import { ask } from '../../shared/page/ask.ts'

/** What the service says, as the page reads it. */
export interface Me {
  readonly name: string
  readonly role: 'user' | 'admin'
}

export interface Desktop {
  readonly key: string
  readonly type: string
  readonly title: string
  readonly status: 'starting' | 'running' | 'stopping' | 'stopped' | 'failed' | 'deleting'
  readonly step: 'pulling' | 'creating' | 'booting' | null
  readonly reason: string | null
  readonly startedAt: string | null
  readonly stopsAt?: string
  readonly address: string
  readonly open?: string
}

export interface Overview {
  readonly types: readonly { readonly type: string; readonly title: string; readonly description: string }[]
  readonly desktops: readonly Desktop[]
  readonly limit: number
  readonly docker: { readonly ok: boolean; readonly where?: readonly string[]; readonly reason?: string }
}

export interface AdminDesktop extends Desktop {
  readonly user: string
  readonly host: string | null
  readonly port: number | null
  readonly container: string
  readonly activeAt: string | null
  readonly usage?: { readonly cpus: number; readonly memory: number; readonly memoryLimit: number }
}

export interface Orphan {
  readonly host: string
  readonly id: string
  readonly name: string
  readonly key: string
  readonly image: string
  readonly isRunning: boolean
}

export interface AuditEntry {
  readonly at: string
  readonly actor: string
  readonly action: string
  readonly subject: string | null
  readonly detail: string | null
}

const at = (key: string) => `api/desktops/${encodeURIComponent(key)}`

export const api = {
  me: () => ask<Me>('api/session'),
  signIn: (username: string, password: string) => ask<Me>('api/session', { json: { username, password } }),
  signOut: () => ask('api/session', { method: 'DELETE' }),
  signOutEverywhere: (stop: boolean) =>
    ask(`api/sessions${stop ? '?desktops=stop' : ''}`, { method: 'DELETE' }),
  overview: (signal?: AbortSignal) => ask<Overview>('api/desktops', { signal }),
  start: (type: string) => ask<Desktop>('api/desktops', { json: { type } }),
  stop: (key: string) => ask<Desktop>(`${at(key)}/stop`, { method: 'POST' }),
  restart: (key: string) => ask<Desktop>(`${at(key)}/restart`, { method: 'POST' }),
  remove: (key: string, files: boolean) =>
    ask(`${at(key)}${files ? '?files=delete' : ''}`, { method: 'DELETE' }),
  admin: {
    desktops: () =>
      ask<{ desktops: AdminDesktop[]; troubles: { host: string; where: string; reason: string }[] }>(
        'api/admin/desktops',
      ),
    stop: (key: string) => ask(`api/admin/desktops/${encodeURIComponent(key)}/stop`, { method: 'POST' }),
    orphans: () => ask<{ orphans: Orphan[] }>('api/admin/orphans'),
    removeOrphan: ({ host, id }: Orphan) => ask(`api/admin/orphans/${host}/${id}`, { method: 'DELETE' }),
    audit: () => ask<{ entries: AuditEntry[] }>('api/admin/audit'),
    users: () => ask<{ users: (Me & { createdAt: string })[] }>('api/admin/users'),
    addUser: (json: { name: string; password: string; role: string }) => ask('api/admin/users', { json }),
    setPassword: (name: string, password: string) =>
      ask(`api/admin/users/${encodeURIComponent(name)}/password`, { method: 'PUT', json: { password } }),
    removeUser: (name: string) => ask(`api/admin/users/${encodeURIComponent(name)}`, { method: 'DELETE' }),
  },
}
