import { randomUUID } from 'node:crypto'
import type pg from 'pg'
import type { Database } from '../../shared/database.ts'
import { Problem } from '../../shared/problem.ts'
import { type Recording, type RecordingRow, recordingOf } from './recording.ts'
import { type Chunk, changeOf, type RecordingChange, type Usage, usageOf } from './recording-change.ts'

export interface NewRecording {
  readonly sessionId: string
  readonly videoId: string
  readonly extension: string
  readonly chunkSize: number
}

/** First and last index of chunks that are not here. */
export type Gap = readonly [first: number, last: number]

export interface Progress {
  readonly received: number
  /** At most a hundred; up to `totalChunks`, or up to the last one that is here while that is not known. */
  readonly missing: readonly Gap[]
}

/** What the database knows of recordings and of which of their chunks are on disk. */
export interface Recordings {
  /** Answers the one that is there, or makes it. */
  open(wanted: NewRecording): Promise<Recording>
  find(sessionId: string, videoId: string): Promise<Recording | undefined>
  list(sessionId: string): Promise<Recording[]>
  count(sessionId: string): Promise<number>
  chunk(recordingId: string, index: number): Promise<Chunk | undefined>
  /** Bytes that lie on the disk at a chunk's place and are none of it. */
  spoilt(recordingId: string, index: number): Promise<number>
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
  /** How many there are, for the metrics. */
  countByState(): Promise<Readonly<Record<Recording['state'], number>>>
}

export function createRecordings(db: Database): Recordings {
  const { pool } = db
  const one = async (sql: string, values: unknown[], by: pg.Pool | pg.PoolClient = pool) => {
    const { rows } = await by.query<RecordingRow>(sql, values)
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
      const { rows } = await pool.query<RecordingRow>(
        'select * from recordings where session_id = $1 order by created_at desc limit 1000',
        [sessionId],
      )
      return rows.map(recordingOf)
    },
    async count(sessionId) {
      const { rows } = await pool.query<{ n: string }>(
        'select count(*) as n from recordings where session_id = $1',
        [sessionId],
      )
      return Number(rows[0]?.n ?? 0)
    },
    async chunk(recordingId, index) {
      const { rows } = await pool.query<{ size: number; sha256: Buffer }>(
        'select size, sha256 from chunks where recording_id = $1 and index = $2',
        [recordingId, index],
      )
      return rows[0] && { index, size: rows[0].size, sha256: rows[0].sha256.toString('hex') }
    },
    async spoilt(recordingId, index) {
      const { rows } = await pool.query<{ size: number }>(
        'select size from spoilt_chunks where recording_id = $1 and index = $2',
        [recordingId, index],
      )
      return rows[0]?.size ?? 0
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
          'delete from recordings where id = $1 returning session_id, bytes + spoilt as bytes',
          [recordingId],
        )
        for (const { session_id, bytes } of rows)
          await client.query('update sessions set bytes = bytes - $2 where id = $1', [session_id, bytes])
      })
    },
    async olderThan(state, hours) {
      const { rows } = await pool.query<RecordingRow>(
        'select * from recordings where state = $1 and updated_at < now() - make_interval(hours => $2) limit 1000',
        [state, hours],
      )
      return rows.map(recordingOf)
    },
    async unfinished() {
      const { rows } = await pool.query<RecordingRow>(
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
    async countByState() {
      const { rows } = await pool.query<{ receiving: number; complete: number }>(
        `select count(*) filter (where state = 'receiving')::int as receiving,
           count(*) filter (where state = 'complete')::int as complete from recordings`,
      )
      const { receiving = 0, complete = 0 } = rows[0] ?? {}
      return { receiving, complete }
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
