import http from 'node:http'

export interface AdminCall {
  /** The admin listener: `http://127.0.0.1:9901` (the default), or `unix:/…/admin.sock`. */
  readonly admin?: string
  /** From `gatehouse token`. */
  readonly token: string
}

/** `fault`: a sentence about what went wrong. Otherwise `text` is what was answered. */
export type AdminAnswer =
  | { readonly fault: string; readonly text?: undefined }
  | { readonly fault?: undefined; readonly text: string }

/** Milliseconds. */
const answerLimit = 5_000

/** Asks a Gatehouse. Never rejects. All calls go over so many connections, one after the other. */
export function callerOf({ admin = 'http://127.0.0.1:9901', token }: AdminCall, connections = 1) {
  const place = admin.startsWith('unix:')
    ? { socketPath: admin.slice('unix:'.length) }
    : { host: new URL(admin).hostname.replace(/^\[|\]$/g, ''), port: new URL(admin).port || 80 }
  const agent = new http.Agent({ keepAlive: true, maxSockets: connections })

  return (method: 'PUT' | 'DELETE' | 'POST', path: string, body?: string): Promise<AdminAnswer> =>
    new Promise((done) => {
      const headers: http.OutgoingHttpHeaders = { host: 'localhost', authorization: `Bearer ${token}` }
      if (body !== undefined)
        Object.assign(headers, {
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(body),
        })
      const request = http.request({ ...place, agent, method, path, headers })
      request.setTimeout(answerLimit, () => request.destroy(new Error(`no answer within ${answerLimit} ms`)))
      request.on('error', (error: NodeJS.ErrnoException) =>
        done({ fault: error.code === undefined ? error.message : `${admin} is away (${error.code})` }),
      )
      request.on('response', (response) => {
        let text = ''
        response.setEncoding('utf8')
        response.on('data', (chunk) => {
          text += chunk
        })
        response.on('error', (error) => done({ fault: error.message }))
        response.on('end', () => {
          const { statusCode = 0 } = response
          done(statusCode < 300 ? { text } : { fault: `${statusCode} ${detailOf(text)}` })
        })
      })
      request.end(body)
    })
}

/** The address of a target. */
export function pathOf({
  upstream,
  key,
  id = 'main',
}: {
  upstream: string
  key?: string
  id?: string
}): string {
  const pool = key === undefined ? '' : `/keys/${encodeURIComponent(key)}`
  return `/v1/upstreams/${encodeURIComponent(upstream)}${pool}/targets/${encodeURIComponent(id)}`
}

function detailOf(text: string): string {
  try {
    return (JSON.parse(text) as { detail?: string }).detail ?? text
  } catch {
    return text.slice(0, 200)
  }
}
