import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../harness/free-port.ts'
import { request } from '../harness/request.ts'
import { onEnd, type Teardown } from '../harness/teardown.ts'
import { startUpstream } from '../harness/upstream.ts'
import { type Serving, startServing } from '../system/command.ts'

export interface Scene extends Serving {
  /** `http://127.0.0.1:1234/dashboard/`. */
  readonly page: string
  readonly plain: string
  /** Of the user admin. */
  readonly password: string
  /** routes.yaml as it is served. */
  readonly table: string
  /** The Cookie field of somebody who has signed in. */
  signIn(): Promise<string>
}

/** A house with several services behind it: quick ones, a slow one, one that fails at times, and one that is away. */
export async function startScene(t: Teardown): Promise<Scene> {
  const upstream = await startUpstream(t, async (incoming, response) => {
    const path = incoming.url ?? ''
    if (path.startsWith('/photos')) await sleep(25 + Math.random() * 90)
    else await sleep(Math.random() * 4)
    if (path.startsWith('/visits') && Math.random() < 0.04) response.statusCode = 500
    response.setHeader('content-type', 'text/plain')
    response.end('x'.repeat(path.startsWith('/camera') ? 20_000 : 900))
  })
  const away = await freePort()
  const table = `
listeners:
  http: { port: 0, address: 127.0.0.1 }
  https: { port: 0, address: 127.0.0.1 }
admin: { port: 0 }
workers: 2
upstreams:
  camera: { targets: ["${upstream.url}"] }
  visits: { targets: ["${upstream.url}", "http://localhost:${upstream.port}"] }
  photos: { targets: ["${upstream.url}"] }
  hikvision: { targets: ["http://127.0.0.1:${away}", "${upstream.url}"] }
  desktops: { targets: ["http://127.0.0.1:${away}"] }
routes:
  - name: camera
    listeners: [http, https]
    match: { path: /camera }
    to: camera
  - name: visits
    listeners: [http, https]
    match: { path: /visits }
    policies: { rateLimit: { limit: 3, per: 1s, mode: observe } }
    to: visits
  - name: photos
    listeners: [http, https]
    match: { path: /photos }
    policies: { maxBody: 20MB, headers: { request: { set: { X-Api-Key: scene-secret-key } } } }
    to: photos
  - name: hikvision
    listeners: [http, https]
    match: { path: /hikvision }
    policies: { allow: { networks: [127.0.0.0/28] } }
    to: hikvision
  - name: desktops
    listeners: [http, https]
    match: { path: /desktops }
    to: desktops
  - name: open
    listeners: [http, https]
    match: { path: /open }
    redirect: /camera
`
  const serving = await startServing(t, table)
  const note = await readFile(join(serving.folder, 'data/first-start.txt'), 'utf8')
  const password = /^certs\/dashboard\.htpasswd: user admin, password (\S+)$/m.exec(note)?.[1] ?? ''
  return {
    ...serving,
    table,
    password,
    page: `${serving.admin}/dashboard/`,
    plain: serving.url('http'),
    async signIn() {
      const { headers } = await request(`${serving.admin}/dashboard/api/session`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ user: 'admin', password }),
      })
      return headers['set-cookie']?.[0]?.split(';')[0] ?? ''
    },
  }
}

/** What a house hears: many cameras, some pictures, now and then somebody who may not come in. Until the test ends. */
export function startTraffic(t: Teardown, { plain }: Scene, perSecond: number): void {
  const doors = ['/camera/lens', '/camera/frame', '/visits/today', '/visits/list', '/photos/album', '/open']
  const rare = ['/hikvision/event', '/desktops/7', '/nowhere']
  const began = performance.now()
  const turn = setInterval(() => {
    // Traffic comes in waves.
    const wave = 1 + 0.5 * Math.sin((performance.now() - began) / 9_000)
    for (let left = (perSecond / 20) * wave; left > 0 && Math.random() < left; left--) {
      const isRare = Math.random() < 0.06
      const paths = isRare ? rare : doors
      const path = paths[Math.floor(Math.random() ** 1.7 * paths.length)]
      const from = `127.0.0.${2 + Math.floor(Math.random() * 30)}`
      void request(`${plain}${path}?token=scene-secret-token`, {
        from,
        headers: { cookie: 'session=scene-secret-cookie', authorization: 'Bearer scene-secret-bearer' },
      }).catch(() => {})
    }
  }, 50)
  onEnd(t, async () => clearInterval(turn))
}
