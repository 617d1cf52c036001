import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Router } from 'express'
import { describeApi } from './openapi.ts'

/**
 * Swagger UI over the OpenAPI document: a page of ours around the files of swagger-ui-dist, of which only those that it
 * needs are served. Nothing is inline and nothing comes from elsewhere, so a strict policy for content holds.
 */
export function swagger(): Router {
  const router = Router({ strict: true })
  const document = describeApi()

  router.get('/openapi.json', (_request, response) => response.json(document))
  router.get('/', (request, response) => {
    // Relative addresses of the page's files need the slash. Of a mounted router Express shows `/` in both cases.
    if (!request.originalUrl.split('?', 1)[0]?.endsWith('/'))
      return response.redirect(308, `${request.baseUrl}/`)
    response.sendFile('index.html', { root: own, ...sending })
  })
  for (const [root, files] of [
    [own, ['page.css', 'page.js']],
    [bundled, ['swagger-ui.css', 'swagger-ui-bundle.js', 'favicon-32x32.png']],
  ] as const)
    for (const file of files)
      router.get(`/${file}`, (_request, response) => response.sendFile(file, { root, ...sending }))
  return router
}

// --- internal ---

/** How long a file may be kept is said by routes.yaml. */
const sending = { cacheControl: false }

const own = fileURLToPath(new URL('swagger/', import.meta.url))
const bundled = dirname(fileURLToPath(import.meta.resolve('swagger-ui-dist/package.json')))
