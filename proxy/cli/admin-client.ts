import http from 'node:http'
import { resolve } from 'node:path'
import { loadConfig } from '../config/load.ts'

/** Where the admin listener of a route table is: `http://127.0.0.1:9901`, or `unix:/path`. Throws a sentence. */
export async function adminOf(file: string): Promise<string> {
  const loaded = await loadConfig({ file })
  if (!loaded.ok)
    throw new Error(`${file} has mistakes; name the admin listener: --admin http://127.0.0.1:9901`)
  const { admin, folder } = loaded.config
  if (admin.socket !== undefined) return `unix:${resolve(folder, admin.socket)}`
  const host = admin.address.includes(':') ? `[${admin.address}]` : admin.address
  return `http://${host}:${admin.port}`
}

/** Asks a running Gatehouse, and answers its JSON. Throws a sentence if nobody answers. */
export function askAdmin<Answer>(place: string, path: string): Promise<Answer> {
  const options = place.startsWith('unix:')
    ? { socketPath: place.slice('unix:'.length), path, headers: { host: 'localhost' } }
    : new URL(path, place)
  return new Promise((done, failed) => {
    const request = http.get(options, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk) => {
        text += chunk
      })
      response.on('error', failed)
      response.on('end', () => {
        if (response.statusCode !== 200) return failed(new Error(`${place} answered ${response.statusCode}`))
        try {
          done(JSON.parse(text) as Answer)
        } catch {
          failed(new Error(`${place} answered something that is no Gatehouse's`))
        }
      })
    })
    request.setTimeout(5000, () => request.destroy(new Error(`${place} does not answer`)))
    request.on('error', (error: NodeJS.ErrnoException) =>
      failed(error.code === undefined ? error : new Error(`nobody answers at ${place} (${error.code})`)),
    )
  })
}
