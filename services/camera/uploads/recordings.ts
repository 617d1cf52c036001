import { randomUUID } from 'node:crypto'
import type pg from 'pg'
import type { Database } from '../../shared/database.ts'
import { Problem } from '../../shared/problem.ts'

export interface Recording {
  readonly id: string
  readonly sessionId: string
  /** The client's own name for it. */
  readonly videoId: string
  readonly state: 'receiving' | 'complete'
  readonly extension: string
  readonly chunkSize: number
  /** Null while the recording still runs. */
  readonly totalChunks: number | null
  /** Of the chunks that are here. */
  readonly bytes: number
  readonly metadata: Readonly<Record<string, unknown>> | null
  readonly createdAt: Date
  readonly completedAt: Date | null
}

export interface NewRecording {
  readonly sessionId: string
  readonly videoId: string
  readonly extension: string
  readonly chunkSize: number
}

export interface Chunk {
  readonly index: number
  readonly size: number
  readonly sha256: string
}

/** First and last index of chunks that are not here. */
export type Gap = readonly [first: number, last: number]

export interface Progress {
  readonly received: number
  /** At most a hundred; up to `totalChunks`, or up to the last one that is here while that is not known. */
  readonly missing: readonly Gap[]
}

export interface Usage {
  readonly session: number
  readonly total: number
}

/** What the database knows of recordings and of which of their chunks are on disk. */
export interface Recordings {
  /** Answers the one that is there, or makes it. */
  open(wanted: NewRecording): Promise<Recording>
  find(sessionId: string, videoId: string): Promise<Recording | undefined>
  list(sessionId: string): Promise<Recording[]>
  chunk(recordingId: string, index: number): Promise<Chunk | undefined>
  progress(recording: Recording): Promise<Progress>
  /** Bytes that this session and all sessions have on disk. */
  usage(sessionId: string): Promise<Usage>
  /**
   * Runs `work` while nobody else changes this recording or the sum of its session's bytes. What it wrote through
   * `change` counts if it resolves.
   */
  alone<Answer>(recording: Recording, work: (change: RecordingChange) => Promise<Answer>): Promise<Answer>
  saveMetadata(recordingId: string, metadata: Readonly<Record<string, unknown>>): Promise<void>
  remove(recordingId: string): Promise<void>
  /** Those that are too old, by the hours since their last change in this state. */
  olderThan(state: Recording['state'], hours: number): Promise<Recording[]>
  /** Those of which every chunk is here and which nobody has finished: the process ended in between. */
  unfinished(): Promise<Recording[]>
  /** Which of these ids are known. */
  known(ids: readonly string[]): Promise<Set<string>>
  removeOldSessions(): Promise<number>
}

export interface RecordingChange {
  /** As it is now. */
  readonly recording: Recording
  readonly usage: Usage
  /** Answers whether it is new. */
  addChunk(chunk: Chunk): Promise<boolean>
  setTotal(totalChunks: number): Promise<void>
  /** The highest index that is here; -1 without any. */
  lastIndex(): Promise<number>
  count(): Promise<number>
  /** Of the chunks that are here. */
  bytes(): Promise<number>
  complete(): Promise<void>
}

export function createRecordings(db: Database): Recordings {
  const { pool } = db
  const one = async (sql: string, values: unknown[], by: pg.Pool | pg.PoolClient = pool) => {
    const { rows } = await by.query<Row>(sql, values)
    return rows[0] && recordingOf(rows[0])
  }

  return {
    async open({ sessionId, videoId, extension, chunkSize }) {
      const found = await this.find(sessionId, videoId)
      if (found) return found
      await pool.query(
        `insert into recordings (id, session_id, video_id, extension, chunk_size)
         values ($1, $2, $3, $4, $5) on conflict (session_id, video_id) do nothing`,
        [randomUUID(), sessionId, videoId, extension, chunkSize],
      )
      return (await this.find(sessionId, videoId)) as Recording
    },
    find: (sessionId, videoId) =>
      one('select * from recordings where session_id = $1 and video_id = $2', [sessionId, videoId]),
    async list(sessionId) {
      const { rows } = await pool.query<Row>(
        'select * from recordings where session_id = $1 order by created_at desc limit 1000',
        [sessionId],
      )
      return rows.map(recordingOf)
    },
    async chunk(recordingId, index) {
      const { rows } = await pool.query<{ size: number; sha256: Buffer }>(
        'select size, sha256 from chunks where recording_id = $1 and index = $2',
        [recordingId, index],
      )
      return rows[0] && { index, size: rows[0].size, sha256: rows[0].sha256.toString('hex') }
    },
    async progress({ id, totalChunks }) {
      const { rows } = await pool.query<{ index: number }>(
        'select index from chunks where recording_id = $1 order by index',
        [id],
      )
      const indexes = rows.map(({ index }) => index)
      return { received: indexes.length, missing: gapsIn(indexes, totalChunks ?? (indexes.at(-1) ?? -1) + 1) }
    },
    usage: (sessionId) => usageOf(pool, sessionId),
    alone: (recording, work) =>
      db.inTransaction(async (client) => {
        // The session's row is the lock: its sum of bytes is what two uploads could both pass a quota by.
        await client.query('select 1 from sessions where id = $1 for update', [recording.sessionId])
        const now = await one('select * from recordings where id = $1', [recording.id], client)
        if (now === undefined) throw new Problem(404, 'There is no such recording; it may have been deleted')
        return work(changeOf(client, now, await usageOf(client, now.sessionId)))
      }),
    async saveMetadata(recordingId, metadata) {
      await pool.query('update recordings set metadata = $2, updated_at = now() where id = $1', [
        recordingId,
        JSON.stringify(metadata),
      ])
    },
    async remove(recordingId) {
      await db.inTransaction(async (client) => {
        const { rows } = await client.query<{ session_id: string; bytes: string }>(
          'delete from recordings where id = $1 returning session_id, bytes',
          [recordingId],
        )
        for (const { session_id, bytes } of rows)
          await client.query('update sessions set bytes = bytes - $2 where id = $1', [session_id, bytes])
      })
    },
    async olderThan(state, hours) {
      const { rows } = await pool.query<Row>(
        'select * from recordings where state = $1 and updated_at < now() - make_interval(hours => $2) limit 1000',
        [state, hours],
      )
      return rows.map(recordingOf)
    },
    async unfinished() {
      const { rows } = await pool.query<Row>(
        `select * from recordings where state = 'receiving' and total_chunks =
         (select count(*) from chunks where recording_id = recordings.id)`,
      )
      return rows.map(recordingOf)
    },
    async known(ids) {
      const { rows } = await pool.query<{ id: string }>(
        'select id from recordings where id::text = any($1)',
        [ids],
      )
      return new Set(rows.map(({ id }) => id))
    },
    async removeOldSessions() {
      const { rowCount } = await pool.query(
        `delete from sessions where expires_at < now()
         and not exists (select 1 from recordings where session_id = sessions.id)`,
      )
      return rowCount ?? 0
    },
  }
}

/** The gaps between ascending indexes from 0 up to `end`, at most a hundred of them. */
export function gapsIn(indexes: readonly number[], end: number): Gap[] {
  const gaps: Gap[] = []
  let next = 0
  for (const index of [...indexes, end]) {
    if (index > next && gaps.length < 100) gaps.push([next, index - 1])
    next = index + 1
  }
  return gaps
}

// --- internal ---

interface Row {
  id: string
  session_id: string
  video_id: string
  state: Recording['state']
  extension: string
  chunk_size: number
  total_chunks: number | null
  bytes: string
  metadata: Record<string, unknown> | null
  created_at: Date
  completed_at: Date | null
}

function recordingOf(row: Row): Recording {
  return {
    id: row.id,
    sessionId: row.session_id,
    videoId: row.video_id,
    state: row.state,
    extension: row.extension,
    chunkSize: row.chunk_size,
    totalChunks: row.total_chunks,
    bytes: Number(row.bytes),
    metadata: row.metadata,
    createdAt: row.created_at,
    completedAt: row.completed_at,
  }
}

async function usageOf(by: pg.Pool | pg.PoolClient, sessionId: string): Promise<Usage> {
  const { rows } = await by.query<{ session: string | null; total: string | null }>(
    'select sum(bytes) filter (where id = $1) as session, sum(bytes) as total from sessions where bytes > 0',
    [sessionId],
  )
  return { session: Number(rows[0]?.session ?? 0), total: Number(rows[0]?.total ?? 0) }
}

function changeOf(client: pg.PoolClient, recording: Recording, usage: Usage): RecordingChange {
  const number = async (sql: string) =>
    Number((await client.query<{ n: string }>(sql, [recording.id])).rows[0]?.n ?? 0)
  return {
    recording,
    usage,
    async addChunk({ index, size, sha256 }) {
      const { rowCount } = await client.query(
        `insert into chunks (recording_id, index, size, sha256) values ($1, $2, $3, $4)
         on conflict do nothing`,
        [recording.id, index, size, Buffer.from(sha256, 'hex')],
      )
      if (rowCount !== 1) return false
      await client.query('update recordings set bytes = bytes + $2, updated_at = now() where id = $1', [
        recording.id,
        size,
      ])
      await client.query('update sessions set bytes = bytes + $2 where id = $1', [recording.sessionId, size])
      return true
    },
    async setTotal(totalChunks) {
      await client.query('update recordings set total_chunks = $2 where id = $1', [recording.id, totalChunks])
    },
    lastIndex: () => number('select coalesce(max(index), -1) as n from chunks where recording_id = $1'),
    count: () => number('select count(*) as n from chunks where recording_id = $1'),
    bytes: () => number('select bytes as n from recordings where id = $1'),
    async complete() {
      await client.query(
        `update recordings set state = 'complete', updated_at = now(), completed_at = now() where id = $1`,
        [recording.id],
      )
    },
  }
}
