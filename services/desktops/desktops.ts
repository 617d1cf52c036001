import type { PoolClient } from 'pg'
import type { Database } from '../shared/database.ts'
import { Problem } from '../shared/problem.ts'
import type { Session } from './accounts/sessions.ts'
import type { Kind } from './catalogue.ts'

/** A row of the table `containers`. */
export interface Desktop {
  readonly id: string
  readonly userId: string
  readonly user: string
  /** `alice-ubuntu-vscode`: its place below /desktop/, and its key in the proxy. */
  readonly key: string
  readonly type: string
  readonly generation: number
  readonly image: string
  readonly containerName: string
  readonly containerId: string | null
  readonly host: string | null
  readonly hostPort: number | null
  readonly wanted: 'running' | 'stopped' | 'deleted'
  readonly status: 'starting' | 'running' | 'stopping' | 'stopped' | 'failed'
  readonly step: 'pulling' | 'creating' | 'booting' | null
  /** For its user to read: what went wrong, or why it was stopped. */
  readonly reason: string | null
  readonly failures: number
  readonly retryAt: Date | null
  readonly keepFiles: boolean
  readonly createdAt: Date
  readonly startedAt: Date | null
  readonly activeAt: Date | null
}

export interface Limits {
  readonly perUser: number
  readonly inAll: number
}

/** The table of desktops: what is wanted, and how far it is. All that changes something says only what changes. */
export function createDesktops({ pool, inTransaction }: Database, limits: Limits) {
  async function select(condition: string, values: unknown[] = []): Promise<Desktop[]> {
    const { rows } = await pool.query<Desktop>(
      `${columns} where ${condition} order by containers.created_at`,
      values,
    )
    return rows
  }

  /** Starts are counted one after the other, or two at once would both be the last that is allowed. */
  async function want(
    client: PoolClient,
    { user, id }: Session,
    { type, image, port }: Kind,
  ): Promise<string> {
    await client.query('select pg_advisory_xact_lock($1)', [startLock])
    const key = `${user.name}-${type}`
    const { rows } = await client.query<Desktop>(`${columns} where proxy_path = $1`, [key])
    const [known] = rows
    if (known !== undefined && known.userId !== user.id)
      throw new Problem(409, 'The address of this desktop belongs to somebody else; choose another kind')
    if (known?.wanted === 'deleted')
      throw new Problem(409, 'This desktop is just being deleted; try again in a moment')
    if (known?.wanted === 'running' && known.status !== 'failed') return key
    const running = await client.query<{ mine: number; all: number }>(
      `select count(*) filter (where user_id = $1)::int as mine, count(*)::int as all from containers
       where wanted = 'running' and proxy_path <> $2`,
      [user.id, key],
    )
    const { mine, all } = running.rows[0] as { mine: number; all: number }
    if (mine >= limits.perUser)
      throw new Problem(
        409,
        `You have ${mine} desktops running, and that is the most. Stop one of them first`,
        {
          limit: limits.perUser,
        },
      )
    if (all >= limits.inAll)
      throw new Problem(503, `All ${all} places are taken. Try again when somebody has stopped a desktop`, {
        limit: limits.inAll,
        headers: { 'Retry-After': '60' },
      })
    if (known === undefined)
      await client.query(
        `insert into containers
           (user_id, session_id, container_name, image, desktop_type, container_port, proxy_path, wanted, status)
         values ($1, $2, $3, $4, $5, $6, $7, 'running', 'starting')`,
        [user.id, id, `desktop-${key}`, image, type, port, key],
      )
    else
      await client.query(
        `update containers set wanted = 'running', status = 'starting', session_id = $2, image = $3, container_port = $4,
           generation = generation + 1, step = null, reason = null, failures = 0, retry_at = null where id = $1`,
        [known.id, id, image, port],
      )
    return key
  }

  const set = async (id: string, changes: string, values: unknown[] = [], where = 'true'): Promise<void> =>
    void (await pool.query(`update containers set ${changes} where id = $1 and ${where}`, [id, ...values]))
  /** Whoever stops it while it starts has the last word, and the reason that was given for it. */
  const setWanted = async (id: string, changes: string, values: unknown[] = []): Promise<void> =>
    set(id, changes, values, `wanted = 'running'`)

  return {
    all: () => select('true'),
    ofUser: (userId: string) => select('user_id = $1', [userId]),
    byKey: async (key: string) => (await select('proxy_path = $1', [key]))[0],
    byId: async (id: string) => (await select('containers.id = $1', [id]))[0],

    // --- what people want ---

    /** Wants it to run. Wanted already is as good. Answers its key. Throws a Problem beyond what is allowed. */
    start: (session: Session, kind: Kind) => inTransaction((client) => want(client, session, kind)),
    /** Wants it in a new container. Its files stay. */
    restart: (id: string) =>
      set(
        id,
        `generation = generation + 1, status = 'starting', step = null, reason = null, failures = 0, retry_at = null`,
      ),
    stop: (id: string, reason: string | null = null) =>
      set(
        id,
        `wanted = 'stopped', reason = $2, retry_at = null,
         status = case when status in ('stopped', 'failed') and container_id is null then 'stopped' else 'stopping' end`,
        [reason],
      ),
    delete: (id: string, keepFiles: boolean) =>
      set(id, `wanted = 'deleted', status = 'stopping', keep_files = $2, retry_at = null`, [keepFiles]),

    // --- how far it is ---

    place: (id: string, host: string) => set(id, 'docker_host = $2', [host]),
    rename: (id: string, name: string) => set(id, 'container_name = $2', [name]),
    step: (id: string, step: Desktop['step']) => setWanted(id, `status = 'starting', step = $2`, [step]),
    created: (id: string, containerId: string) => set(id, 'container_id = $2', [containerId]),
    running: (id: string) =>
      setWanted(
        id,
        `status = 'running', step = null, reason = null, failures = 0, retry_at = null, stopped_at = null,
         started_at = now(), active_at = now()`,
      ),
    stopped: (id: string) =>
      set(
        id,
        `status = case when status = 'failed' then 'failed' else 'stopped' end,
         step = null, container_id = null, host_port = null, stopped_at = now()`,
      ),
    /** It went wrong and is tried again in so many milliseconds. `counts`: after too many of those it is given up. */
    waits: (id: string, reason: string, pause: number, counts: boolean) =>
      set(
        id,
        `reason = $2, retry_at = now() + make_interval(secs => $3), failures = failures + $4,
         status = case when wanted = 'running' then 'starting' else 'stopping' end`,
        [reason, pause / 1000, counts ? 1 : 0],
      ),
    /** It went wrong too often, or trying again cannot help. Its user may start it again. */
    givenUp: (id: string, reason: string) =>
      set(id, `wanted = 'stopped', status = 'failed', step = null, reason = $2, retry_at = null`, [reason]),
    active: (id: string) => set(id, 'active_at = now()'),
    async remove(id: string): Promise<void> {
      await pool.query('delete from containers where id = $1', [id])
    },
    /**
     * A port that is free on that host, and none of `taken`; undefined if there is none. They are given out in turn, so
     * that whoever still believes an old desktop there finds nobody for a long time.
     */
    reservePort: (
      id: string,
      host: string,
      ports: { first: number; last: number; taken: readonly number[] },
    ) =>
      inTransaction(async (client) => {
        await client.query('select pg_advisory_xact_lock($1)', [portLock])
        const { rows } = await client.query<{ host_port: number }>(
          `update containers set docker_host = $2, host_port = (
             select port from generate_series($3::int, $4::int) port
             where port <> all ($5::int[])
               and not exists (select 1 from containers other
                               where other.docker_host = $2 and other.host_port = port and other.id <> $1)
             order by mod(port - $3::int - turn.at + 2 * turn.places, turn.places) limit 1)
           from (select mod(nextval('desktop_port_turn'), $4::int - $3::int + 1)::int as at,
                        $4::int - $3::int + 1 as places) turn
           where id = $1 returning host_port`,
          [id, host, ports.first, ports.last, ports.taken],
        )
        return rows[0]?.host_port ?? undefined
      }),
  }
}

export type Desktops = ReturnType<typeof createDesktops>

// --- internal ---

/** Any numbers that nobody else locks on in this database. */
const [startLock, portLock] = [7_261_901, 7_261_902]

const columns = `select containers.id, user_id as "userId", name as user, proxy_path as key, desktop_type as type, generation,
  image, container_name as "containerName", container_id as "containerId", docker_host as host, host_port as "hostPort",
  wanted, status, step, reason, failures, retry_at as "retryAt", keep_files as "keepFiles",
  containers.created_at as "createdAt", started_at as "startedAt", active_at as "activeAt"
  from containers join desktop_users on desktop_users.id = user_id`
