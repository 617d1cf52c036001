import { existsSync } from 'node:fs'
import http from 'node:http'
import { resolve } from 'node:path'
import { loadConfig } from '../config/load.ts'

export interface AdminOf {
  readonly file: string
  /** Default: what routes.yaml says. */
  readonly admin?: string
}

/** Asks the running Gatehouse, and answers its JSON. Throws a sentence if nobody could be asked. */
export async function askAdmin<Answer>({ file, admin }: AdminOf, path: string): Promise<Answer> {
  return JSON.parse(await get(admin ?? (await adminPlace(file)), path)) as Answer
}

/** Where routes.yaml has the admin listener: `http://127.0.0.1:9901` or `unix:/path`. Throws a sentence. */
export async function adminPlace(file: string): Promise<string> {
  const loaded = await loadConfig({ file })
  if (!loaded.ok) {
    const fault = existsSync(file) ? 'has mistakes' : 'is not there'
    throw new Error(`${file} ${fault}; name the admin listener: --admin http://127.0.0.1:9901`)
  }
  const { admin, folder } = loaded.config
  if (admin.socket !== undefined) return `unix:${resolve(folder, admin.socket)}`
  const host = admin.address.includes(':') ? `[${admin.address}]` : admin.address
  return `http://${host}:${admin.port}`
}

/** Of a request to such a place. Throws a sentence about an address that is none. */
export function requestOptions(place: string, path: string): http.RequestOptions {
  if (place.startsWith('unix:'))
    return { socketPath: place.slice('unix:'.length), path, headers: { host: 'localhost' } }
  if (!URL.canParse(path, place)) throw new Error(`"${place}" is no address of an admin listener`)
  const { hostname, port, pathname, search, host } = new URL(path, place)
  return { hostname: hostname.replace(/^\[|\]$/g, ''), port, path: pathname + search, headers: { host } }
}

// --- internal ---

function get(place: string, path: string): Promise<string> {
  const options = requestOptions(place, path)
  return new Promise((done, failed) => {
    const request = http.get(options, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk) => {
        text += chunk
      })
      response.on('error', failed)
      response.on('end', () =>
        response.statusCode === 200
          ? done(text)
          : failed(new Error(`${place} answered ${response.statusCode}`)),
      )
    })
    request.setTimeout(5000, () => request.destroy(new Error(`${place} does not answer`)))
    request.on('error', (error: NodeJS.ErrnoException) =>
      failed(
        error.code === undefined
          ? error
          : new Error(
              `nobody answers at ${place} (${error.code}): does Gatehouse run, and is that its admin listener?`,
            ),
      ),
    )
  })
}
