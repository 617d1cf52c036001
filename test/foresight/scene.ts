import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { selfSigned } from '../harness/certificate.ts'
import { eventually } from '../harness/eventually.ts'
import type { Teardown } from '../harness/teardown.ts'
import { tempFolder } from '../harness/temp-folder.ts'
import { startUpstream } from '../harness/upstream.ts'
import { type Serving, startServing } from '../system/command.ts'

export interface Scene extends Serving {
  readonly plain: string
  readonly secure: string
  /** The routes.yaml that is served, with other policies of /inside. */
  withPolicies(policies: string): string
  /** Waits until the access log has so many lines. */
  logged(lines: number): Promise<void>
}

/** A real Gatehouse with two workers, a plain and a TLS listener, and an upstream that takes WebSockets. */
export async function startScene(t: Teardown, policies = '{}'): Promise<Scene> {
  const upstream = await startUpstream(t, undefined, { websocket: () => {} })
  const folder = await tempFolder(t)
  const { cert, key } = await selfSigned()
  await writeFile(join(folder, 'cert.pem'), cert)
  await writeFile(join(folder, 'key.pem'), key)
  const withPolicies = (inside: string): string => `
listeners: { http: { port: 0, address: 127.0.0.1 }, https: { port: 0, address: 127.0.0.1 } }
tls: { certificates: [{ cert: cert.pem, key: key.pem }] }
admin: { port: 0 }
workers: 2
routes:
  - { name: inside, listeners: [http, https], match: { path: /inside }, policies: ${inside}, to: "${upstream.url}" }
  - { name: gone, listeners: [http, https], match: { path: /gone }, to: "http://127.0.0.1:1" }
  - { name: rest, listeners: [http, https], to: "${upstream.url}" }
`
  const serving = await startServing(t, withPolicies(policies), { folder })
  return {
    ...serving,
    plain: serving.url('http'),
    secure: serving.url('https'),
    withPolicies,
    logged: async (lines) =>
      void (await eventually(async () => {
        const log = await readFile(join(folder, 'data/logs/access.log'), 'utf8').catch(() => '')
        const written = log.split('\n').length - 1
        if (written < lines) throw new Error(`the access log has ${written} lines of ${lines}`)
        return true
      })),
  }
}
