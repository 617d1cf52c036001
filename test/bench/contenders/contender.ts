import type { Command } from '../machine/child.ts'

export type ContenderName =
  | 'gatehouse'
  | 'nginx'
  | 'haproxy'
  | 'caddy'
  | 'http-proxy'
  | 'fastify'
  | 'middleware'
  | 'direct'

/** One of the proxies that are measured. */
export interface Contender {
  readonly name: ContenderName
  readonly title: string
  /** Undefined if it is not on this machine. */
  version(): string | undefined
  /** Writes its configuration into the folder, and answers how it is started. */
  launch(setup: Setup, place: Place): Command
  /** Makes a proxy that serves take up its configuration again. */
  reload?(place: Place, pid: number): Promise<void> | void
}

/** What it is asked to serve: one upstream, behind one route or many. */
export interface Setup {
  /** Port of the upstream on 127.0.0.1. */
  readonly upstream: number
  /** Serve TLS, with HTTP/1.1 and HTTP/2, beside plain HTTP/1.1. */
  readonly tls?: boolean
  /** Of Gatehouse alone: every policy, and the access log. */
  readonly policies?: boolean
  /** Of Gatehouse alone: tokens, and nothing else. */
  readonly tokens?: boolean
  /** Of Gatehouse alone: the upstream has no fixed target, and waits for one to be announced. */
  readonly leased?: boolean
  /** That many routes (see `addresses.ts`) instead of one for all. */
  readonly routes?: number
  /** Processes or threads that serve. Default: one. */
  readonly workers?: number
}

/** Where it is asked to do so. */
export interface Place {
  /** A folder of its own, with `cert.pem` and `key.pem`. */
  readonly folder: string
  /** For plain HTTP on 127.0.0.1. */
  readonly port: number
  /** For TLS on 127.0.0.1. */
  readonly tlsPort: number
  /** For an admin interface. */
  readonly adminPort: number
}
