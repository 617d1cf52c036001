import { Router } from 'express'
import { refusal } from '../refusal.ts'
import { originalAddress, processedAddress, thumbnailAddress } from '../restorations/addresses.ts'
import type { Restorations } from '../restorations/table.ts'
import { guard, sessionOf } from '../sign-in/guard.ts'
import { isUuid, type Sessions } from '../sign-in/sessions.ts'
import { formats } from '../uploads/formats.ts'
import type { PictureFiles } from './files.ts'

/**
 * `/uploads/…` and `/processed/…`: to their owner and nobody else. An address names the id of its restoration, and has to
 * be, to the letter, one that was handed out for it; whatever else is asked for is a 404 that tells nothing.
 */
export function pictureRoutes({
  sessions,
  restorations,
  files,
}: {
  sessions: Sessions
  restorations: Restorations
  files: PictureFiles
}): Router {
  const routes = Router()
  routes.use(['/uploads', '/processed'], guard(sessions))
  routes.get(['/uploads/:session/:name', '/processed/:session/:name'], async (request, response) => {
    const id = String(request.params.name).split('_', 1)[0]
    const row = isUuid(id) ? await restorations.find(id, sessionOf(response).user.id) : undefined
    const found = row && pictureAt(request.path)
    if (found === undefined) throw refusal(404, 'There is no such picture, or it is not yours.')
    response.type(found.mediaType)
    await new Promise<void>((done, fail) =>
      // How long browsers keep it is the proxy's to say.
      response.sendFile(found.path, { cacheControl: false, dotfiles: 'allow' }, (error) =>
        error ? fail(gone(error)) : done(),
      ),
    )

    function pictureAt(path: string): { path: string; mediaType: string } | undefined {
      if (row === undefined) return undefined
      if (path === originalAddress(row))
        return { path: files.upload(row.id, row.type), mediaType: formats[row.type].mediaType }
      if (path === thumbnailAddress(row)) return { path: files.thumbnail(row.id), mediaType: 'image/webp' }
      if (row.processed_type !== null && path === processedAddress(row))
        return {
          path: files.processed(row.id, row.processed_type),
          mediaType: formats[row.processed_type].mediaType,
        }
      return undefined
    }
  })
  return routes
}

// --- internal ---

/** Removed between the look into the table and the opening. */
function gone(error: Error & { status?: number }): Error {
  return error.status === 404 ? refusal(404, 'The picture is no longer there.') : error
}
