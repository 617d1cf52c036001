import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import type { Desktop } from '../../../services/desktops/desktops.ts'
import { runCli, startCli } from '../../harness/cli.ts'
import { eventually } from '../../harness/eventually.ts'
import { freePort } from '../../harness/free-port.ts'
import { type Reply, request } from '../../harness/request.ts'
import { onEnd, type Teardown } from '../../harness/teardown.ts'
import { cloneShipped } from '../../system/shipped.ts'
import { startPostgres } from '../postgres.ts'
import { type ServiceProcess, startServiceProcess } from '../service-process.ts'
import type { Engine } from './docker.ts'

/** The desktops behind the shipped routes.yaml: a proxy with two workers, the service, Docker and Postgres, all real. */
export interface Scene {
  readonly folder: string
  /** `https://localhost:1234` */
  readonly origin: string
  readonly port: number
  readonly admin: string
  readonly engine: Engine
  /** The service as it runs now. */
  service: ChildProcess
  /** What it has said so far. */
  log(): string
  /** kill -9. */
  kill(): Promise<void>
  /** Starts it again, with these settings changed until the next start. */
  start(changes?: NodeJS.ProcessEnv): Promise<void>
  signIn(name: string, password?: string): Promise<Person>
  /** Adds people who may have desktops; their password is `password of NAME`. */
  addPeople(...names: string[]): Promise<void>
  /** Rows of the table, as the database has them. */
  rows(): Promise<Row[]>
  /** Containers of desktops, running or not. */
  containers(): Promise<
    { id: string; name: string; key: string; isRunning: boolean; port: number | undefined }[]
  >
  /** What the service tells Prometheus. */
  metrics(): Promise<string>
  /** Keys of desktops that the proxy sends people to. */
  leases(): Promise<string[]>
}

export interface Row {
  readonly proxy_path: string
  readonly status: string
  readonly wanted: string
  readonly host_port: number | null
  readonly reason: string | null
  readonly docker_host: string | null
  readonly container_name: string
}

type Shown = Pick<Desktop, 'key' | 'reason'> & {
  status: string
  open?: string
  stopsAt?: string
  step: string | null
}

/** Somebody with a cookie. */
export interface Person {
  readonly name: string
  readonly cookie: string
  ask(method: string, path: string, body?: object): Promise<Reply>
  start(type: string): Promise<Shown>
  stop(type: string): Promise<void>
  see(type: string): Promise<Shown | undefined>
  /** Waits until it is so. */
  until(type: string, status: string, timeout?: number): Promise<Shown>
}

export interface SceneOptions {
  /** Of Docker, as the service is told. Default: that of the engine. */
  readonly socket?: string
  /** `hosts:` of the catalogue. */
  readonly hosts?: string
  /** That desktops may lie in. */
  readonly networks?: string
}

export async function startScene(t: Teardown, engine: Engine, options: SceneOptions = {}): Promise<Scene> {
  const { socket = engine.socket, hosts = '', networks } = options
  const { folder, env } = await cloneShipped(t)
  const { url: database } = await startPostgres(t)
  const catalogue = join(folder, 'catalogue.yaml')
  await writeFile(catalogue, hosts + kinds)
  if (networks !== undefined) {
    const file = join(folder, 'routes.yaml')
    const routes = await readFile(file, 'utf8')
    await writeFile(file, routes.replace('    keyed: true\n', `    keyed: true\n    networks: ${networks}\n`))
  }
  await mkdir(join(folder, 'data'), { recursive: true })
  const proxy = startCli(t, ['serve', '--file', join(folder, 'routes.yaml')], {
    cwd: folder,
    env: { ...env, NODE_ENV: 'test' },
  })
  const admin = `http://127.0.0.1:${env.ADMIN_PORT}`
  await eventually(async () => (await request(`${admin}/healthz`)).status === 200, { timeout: 60_000 })
  const { stdout } = await runCli(
    ['token', '--upstream', 'desktops', '--upstream', 'desktop', '--file', join(folder, 'routes.yaml')],
    { env },
  )
  const settings: NodeJS.ProcessEnv = {
    GATEHOUSE_ADMIN: admin,
    GATEHOUSE_TOKEN: stdout.trim(),
    SESSION_KEY_FILE: join(folder, 'certs/desktops.key'),
    DATABASE_URL: database,
    DATA_DIR: join(folder, 'data/desktops'),
    CATALOGUE: catalogue,
    DOCKER_SOCKET: socket,
    ADMIN_PASSWORD: 'password of admin',
    FIRST_PORT: '7100',
    LAST_PORT: '7199',
    LOOK_SECONDS: '2',
    METRICS_PORT: String(await freePort()),
  }
  const pool = new pg.Pool({ connectionString: database, max: 2 })
  pool.on('error', () => {})
  onEnd(t, () => pool.end())
  const origin = `https://localhost:${env.HTTPS_PORT}`
  /** One for each start. The last one runs. */
  const processes: ServiceProcess[] = []

  const scene: Scene = {
    folder,
    origin,
    port: Number(env.HTTPS_PORT),
    admin,
    engine,
    log: () => processes.map(({ written }) => written()).join('') + proxy.output.stderr,
    async kill() {
      await processes.at(-1)?.stop('SIGKILL')
    },
    async start(changes = {}) {
      const started = startServiceProcess(t, 'desktops', { cwd: folder, env: { ...settings, ...changes } })
      processes.push(started)
      const { child, written } = started
      scene.service = child
      await eventually(() => child.exitCode !== null || /"message":"serves /.test(written()), {
        timeout: 40_000,
      })
      assert.equal(child.exitCode, null, written())
      await eventually(async () => (await request(`${origin}/desktops/`)).status === 200, { timeout: 20_000 })
    },
    async signIn(name, password = `password of ${name}`) {
      const reply = await request(`${origin}/desktops/api/session`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ username: name, password }),
      })
      assert.equal(reply.status, 200, reply.text)
      return personOf(origin, name, cookieOf(reply) as string)
    },
    async addPeople(...names) {
      const admin = await scene.signIn('admin')
      for (const name of names) {
        const reply = await admin.ask('POST', '/admin/users', { name, password: `password of ${name}` })
        assert.equal(reply.status, 201, reply.text)
      }
    },
    rows: async () => (await pool.query<Row>('select * from containers order by proxy_path')).rows,
    async containers() {
      const format = '{{.ID}}|{{.Names}}|{{.Label "gatehouse.key"}}|{{.State}}|{{.Ports}}'
      const list = await engine.docker(
        'ps',
        '--all',
        '--no-trunc',
        '--filter',
        'label=gatehouse.desktops',
        '--format',
        format,
      )
      return list
        .split('\n')
        .filter(Boolean)
        .map((line) => {
          const [id = '', name = '', key = '', state, ports = ''] = line.split('|')
          const port = /127\.0\.0\.1:(\d+)->/.exec(ports)?.[1]
          return {
            id,
            name,
            key,
            isRunning: state === 'running',
            port: port === undefined ? undefined : Number(port),
          }
        })
    },
    metrics: async () => (await request(`http://127.0.0.1:${settings.METRICS_PORT}/metrics`)).text,
    async leases() {
      const { text } = await request(`${admin}/v1/upstreams`)
      const { targets } = JSON.parse(text) as { targets: { upstream: string; key: string; id: string }[] }
      return targets
        .filter(({ upstream, id }) => upstream === 'desktop' && id === 'main')
        .map(({ key }) => key)
        .sort()
    },
  } as Scene
  await scene.start()
  return scene
}

function personOf(origin: string, name: string, first: string): Person {
  let cookie = first
  const shownOf = (reply: Reply) => JSON.parse(reply.text) as Shown
  const person: Person = {
    name,
    get cookie() {
      return cookie
    },
    async ask(method, path, body) {
      const reply = await request(`${origin}/desktops/api${path}`, {
        method,
        headers: { cookie, ...(body && { 'content-type': 'application/json' }) },
        body: body && JSON.stringify(body),
      })
      cookie = cookieOf(reply) ?? cookie
      return reply
    },
    async start(type) {
      const reply = await person.ask('POST', '/desktops', { type })
      assert.equal(reply.status, 202, reply.text)
      return shownOf(reply)
    },
    async stop(type) {
      const reply = await person.ask('POST', `/desktops/${name}-${type}/stop`)
      assert.equal(reply.status, 202, reply.text)
    },
    async see(type) {
      const reply = await person.ask('GET', '/desktops')
      assert.equal(reply.status, 200, reply.text)
      return (JSON.parse(reply.text) as { desktops: Shown[] }).desktops.find(
        ({ key }) => key === `${name}-${type}`,
      )
    },
    until: (type, status, timeout = 45_000) =>
      eventually(
        async () => {
          const seen = await person.see(type)
          assert.equal(seen?.status, status, JSON.stringify(seen))
          return seen
        },
        { timeout, every: 100 },
      ),
  }
  return person
}

/** As the field that a browser would send. */
function cookieOf({ headers }: Reply): string | undefined {
  return [headers['set-cookie'] ?? []].flat()[0]?.split(';')[0]
}

const kinds = `
desktops:
  - type: debian
    title: Debian
    image: gatehouse-desktop:latest
    pull: never
    port: 6901
    scheme: https
    page: "vnc.html?path={path}/websockify&autoconnect=true&reconnect=true&resize=scale"
    credentials: { user: kasm_user, variable: VNC_PW }
    memory: 512MB
    shm: 64MB
    volumes: [/home/user]
${['tiny', 'tiny-b', 'tiny-c']
  .map(
    (
      type,
    ) => `  - { type: ${type}, title: ${type}, image: "tiny-desktop:latest", pull: never, port: 8080, memory: 32MB, shm: 16MB }
`,
  )
  .join('')}
  - { type: missing, title: missing, image: "nobody/has-this:1", pull: never, port: 8080 }
  - { type: broken, title: broken, image: "broken-desktop:latest", pull: never, port: 8080 }
`
