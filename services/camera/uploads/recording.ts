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

/** It as the table `recordings` has it. */
export interface RecordingRow {
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

export function recordingOf(row: RecordingRow): Recording {
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
