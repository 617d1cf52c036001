import { writeFile } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2'
import { join } from 'node:path'
import { schema } from '../../proxy/config/schema.ts'
import type { Incoming, Listener } from '../../proxy/request/accept/incoming.ts'
import {
  type ListenerSettings,
  type OpenListeners,
  openListeners,
} from '../../proxy/request/accept/listeners.ts'
import { type CertificateStore, loadCertificates } from '../../proxy/tls/certificates.ts'
import { type Certificate, selfSigned } from './certificate.ts'
import { onEnd, type Teardown } from './teardown.ts'
import { tempFolder } from './temp-folder.ts'

type Limits = ListenerSettings['limits']

export interface Listening extends OpenListeners {
  /** The real port of a listener by name. */
  port(name: string): number
  /** Everything that arrived, oldest first. */
  arrived: Incoming[]
  /** `listener code` of every client error, in order. */
  clientErrors: string[]
}

export interface ListeningOptions {
  /** As in routes.yaml; ports default to 0 and addresses to 127.0.0.1. Default: one called `http`. */
  listeners?: Record<string, Record<string, unknown>>
  limits?: Partial<Limits>
  trustedProxies?: string[]
  certificates?: CertificateStore
  ticketKeys?: Buffer
  folder?: string
  /** Default: answers 200 with a line that says who asked. */
  serve?: (incoming: Incoming) => void
}

/** Open listeners without a pipeline behind them, closed when the test ends. */
export async function listening(t: Teardown, options: ListeningOptions = {}): Promise<Listening> {
  const listeners = Object.fromEntries(
    Object.entries(options.listeners ?? { http: {} }).map(([name, config]) => [
      name,
      { port: 0, address: '127.0.0.1', ...config },
    ]),
  )
  const config = schema.parse({ listeners, routes: [] })
  const arrived: Incoming[] = []
  const clientErrors: string[] = []
  const serve = options.serve ?? answerWhoAsked
  const open = await openListeners({
    listeners: config.listeners,
    limits: { ...config.limits, ...options.limits },
    trustedProxies: options.trustedProxies ?? [],
    certificates: options.certificates,
    ticketKeys: options.ticketKeys,
    folder: options.folder ?? '/nowhere',
    serve(incoming) {
      arrived.push(incoming)
      serve(incoming)
    },
    onClientError: (listener, code) => clientErrors.push(`${listener} ${code}`),
  })
  onEnd(t, () => open.close({ deadline: 0 }))
  const port = (name: string): number =>
    (open.listeners.find((listener) => listener.name === name) as Listener).port
  return { ...open, port, arrived, clientErrors }
}

export function answerWhoAsked({ request, response, listener, peer, peerPort }: Incoming): void {
  response.setHeader('content-type', 'text/plain')
  ;(response as ServerResponse).end(
    `${listener.name} ${peer.text} ${peerPort} ${request.method} ${request.url}\n`,
  )
}

/** A store with a certificate for each list of names, in files of a folder of its own. */
export async function certificatesFor(
  t: Teardown,
  ...names: string[][]
): Promise<{ store: CertificateStore; folder: string; pairs: Certificate[] }> {
  const folder = await tempFolder(t)
  const pairs = await Promise.all(names.map((each) => selfSigned(each)))
  await Promise.all(pairs.map((pair, at) => writePair(folder, `${at}`, pair)))
  const store = await loadCertificates({
    certificates: names.map((_, at) => ({ cert: `${at}.crt`, key: `${at}.key` })),
    folder,
    minVersion: 'TLSv1.2',
    selfSignedFor: [],
  })
  onEnd(t, () => store.close())
  return { store, folder, pairs }
}

export async function writePair(folder: string, name: string, { cert, key }: Certificate): Promise<void> {
  await writeFile(join(folder, `${name}.key`), key)
  await writeFile(join(folder, `${name}.crt`), cert)
}

/** An HTTP/2 client that trusts anybody, closed when the test ends. */
export function http2Client(t: Teardown, port: number, options: object = {}): ClientHttp2Session {
  const session = connectHttp2(`https://localhost:${port}`, {
    host: '127.0.0.1',
    rejectUnauthorized: false,
    ...options,
  } as object)
  session.on('error', () => {})
  onEnd(t, () => session.destroy())
  return session
}

/** One request over HTTP/2: its status and body. */
export function http2Get(
  session: ClientHttp2Session,
  headers: Record<string, string> = {},
): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const stream = session.request({ ':path': '/', ...headers })
    let status = 0
    let body = ''
    stream.setEncoding('utf8')
    stream.on('response', (head) => {
      status = head[':status'] ?? 0
    })
    stream.on('data', (chunk) => {
      body += chunk
    })
    stream.on('end', () => resolve({ status, body }))
    stream.on('error', reject)
  })
}
