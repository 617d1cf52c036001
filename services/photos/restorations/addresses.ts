import { extensionOf, type PictureType } from '../uploads/formats.ts'
import type { Restoration } from './table.ts'

type Named = Pick<Restoration, 'id' | 'session_id' | 'stem' | 'type' | 'processed_type'>

/** Addresses of the pictures of a restoration: unguessable by its id, readable by the name of the file. */
export function originalAddress({ id, session_id, stem, type }: Named): string {
  return `/uploads/${session_id}/${id}_${stem}${extensionOf(type)}`
}

export function thumbnailAddress({ id, session_id, stem }: Named): string {
  return `/uploads/${session_id}/${id}_${stem}_thumb.webp`
}

/** Null until it is done. */
export function processedAddress(row: Named): string | null {
  return (
    row.processed_type && `/processed/${row.session_id}/${row.id}_${processedName(row, row.processed_type)}`
  )
}

export function processedName({ stem }: Named, type: PictureType): string {
  return `${stem}_processed${extensionOf(type)}`
}

/** What of a file's name may stand in an address, without its extension. */
export function stemOf(filename: string): string {
  const stem = filename
    .replace(/\.[^.]*$/, '')
    .normalize('NFKD')
    .replace(/[^A-Za-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 60)
  return stem || 'photo'
}
