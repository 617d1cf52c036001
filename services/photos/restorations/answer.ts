import { originalAddress, processedAddress, thumbnailAddress } from './addresses.ts'
import type { Restoration } from './table.ts'

/** A restoration as the API tells of it. */
export function answerOf(row: Restoration) {
  return {
    id: row.id,
    session_id: row.session_id,
    original_url: originalAddress(row),
    model_id: row.model_id,
    original_filename: row.original_filename,
    timestamp: row.created_at.toISOString(),
    thumbnail_url: thumbnailAddress(row),
    parameters: row.parameters,
    width: row.width,
    height: row.height,
    processed_width: row.processed_width,
    processed_height: row.processed_height,
    notes: row.notes,
    ...progressOf(row),
  }
}

/** The part that changes while it is worked on. */
export function progressOf(row: Restoration) {
  return {
    status: row.state,
    step: row.step,
    progress: Math.round(row.progress * 100) / 100,
    error: row.failure,
    processed_url: processedAddress(row),
  }
}
