import type pg from 'pg'
import type { Recording } from './recording.ts'

export interface Chunk {
  readonly index: number
  readonly size: number
  readonly sha256: string
}

export interface Usage {
  readonly session: number
  readonly total: number
}

/** What may be done to a recording while nobody else does. */
export interface RecordingChange {
  /** As it is now. */
  readonly recording: Recording
  readonly usage: Usage
  /** Answers whether it is new. It stands where bytes of its place that were spoilt have been. */
  addChunk(chunk: Chunk): Promise<boolean>
  /** Counts what may lie on the disk of a chunk that is none. Nothing, if it is one after all. */
  spoil(place: Pick<Chunk, 'index' | 'size'>): Promise<void>
  setTotal(totalChunks: number): Promise<void>
  /** The highest index that is here; -1 without any. */
  lastIndex(): Promise<number>
  count(): Promise<number>
  /** Of the chunks that are here. */
  bytes(): Promise<number>
  complete(): Promise<void>
}

/** `client` has a transaction open, and the session locked. */
export function changeOf(client: pg.PoolClient, recording: Recording, usage: Usage): RecordingChange {
  /** In the sums of the recording and of its session. */
  const addSpoilt = async (size: number) => {
    await client.query('update recordings set spoilt = spoilt + $2 where id = $1', [recording.id, size])
    await client.query('update sessions set bytes = bytes + $2 where id = $1', [recording.sessionId, size])
  }
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
      const { rows } = await client.query<{ size: number }>(
        'delete from spoilt_chunks where recording_id = $1 and index = $2 returning size',
        [recording.id, index],
      )
      for (const spoilt of rows) await addSpoilt(-spoilt.size)
      return true
    },
    async spoil({ index, size }) {
      const { rows } = await client.query<{ grown: number }>(
        `with before as (select size from spoilt_chunks where recording_id = $1 and index = $2)
         insert into spoilt_chunks (recording_id, index, size)
         select $1, $2, $3 where not exists (select 1 from chunks where recording_id = $1 and index = $2)
         on conflict (recording_id, index) do update set size = greatest(spoilt_chunks.size, excluded.size)
         returning size - coalesce((select size from before), 0) as grown`,
        [recording.id, index, size],
      )
      for (const { grown } of rows) await addSpoilt(grown)
    },
    async setTotal(totalChunks) {
      await client.query('update recordings set total_chunks = $2 where id = $1', [recording.id, totalChunks])
    },
    lastIndex: () => number('select coalesce(max(index), -1) as n from chunks where recording_id = $1'),
    count: () => number('select count(*) as n from chunks where recording_id = $1'),
    bytes: () => number('select bytes as n from recordings where id = $1'),
    async complete() {
      // What lay behind its end is cut off.
      await client.query('delete from spoilt_chunks where recording_id = $1', [recording.id])
      await addSpoilt(-(await number('select spoilt as n from recordings where id = $1')))
      await client.query(
        `update recordings set state = 'complete', updated_at = now(), completed_at = now() where id = $1`,
        [recording.id],
      )
    },
  }
}

export async function usageOf(by: pg.Pool | pg.PoolClient, sessionId: string): Promise<Usage> {
  const { rows } = await by.query<{ session: string | null; total: string | null }>(
    'select sum(bytes) filter (where id = $1) as session, sum(bytes) as total from sessions where bytes > 0',
    [sessionId],
  )
  return { session: Number(rows[0]?.session ?? 0), total: Number(rows[0]?.total ?? 0) }
}
