import { ask, Refusal } from '../../shared/page/ask.ts'

export interface Me {
  readonly username: string
}

export interface Model {
  readonly id: string
  readonly name: string
  readonly provider: string
  readonly description: string
  readonly parameters: Readonly<Record<string, number | string>>
  readonly schema: { readonly properties: Readonly<Record<string, Parameter>> }
  readonly available: boolean
  readonly unavailable_because?: string
}

/** JSON Schema of one parameter. */
export interface Parameter {
  readonly title?: string
  readonly description?: string
  readonly type?: string
  readonly minimum?: number
  readonly maximum?: number
  readonly step?: number
  readonly anyOf?: readonly { readonly const?: number }[]
}

export interface Progress {
  readonly status: 'queued' | 'running' | 'done' | 'failed'
  readonly step: string
  readonly progress: number
  readonly error: { readonly title: string } | null
  readonly processed_url: string | null
}

export interface Restoration extends Progress {
  readonly id: string
  readonly original_url: string
  readonly thumbnail_url: string
  readonly original_filename: string
  readonly model_id: string
  readonly timestamp: string
  readonly width: number
  readonly height: number
  readonly processed_width: number | null
  readonly processed_height: number | null
  readonly notes: readonly string[]
}

export interface History {
  readonly items: readonly Restoration[]
  readonly total: number
}

/** The session is in a cookie that scripts cannot read, so nothing is kept here. */
export const api = {
  me: () => ask<Me>('api/v1/auth/me'),
  /** The API says it in the words that its clients know; a person reads others. */
  signIn: (username: string, password: string) =>
    ask('api/v1/auth/login', { json: { username, password } }).catch((refusal: Refusal) => {
      throw refusal.status === 401 ? new Refusal(401, 'That name and password do not fit') : refusal
    }),
  signOut: () => ask('api/v1/auth/logout', { method: 'POST' }),
  models: async () => (await ask<{ models: Model[] }>('api/v1/models')).models,
  history: (offset: number, limit = 24) =>
    ask<History>(`api/v1/restore/history?limit=${limit}&offset=${offset}`),
  restoration: (id: string) => ask<Restoration>(`api/v1/restore/${encodeURIComponent(id)}`),
  retry: (id: string) => ask<Restoration>(`api/v1/restore/${id}/retry`, { method: 'POST' }),
  remove: (id: string) => ask(`api/v1/restore/${id}`, { method: 'DELETE' }),
  eventsOf: (id: string) => `api/v1/restore/${id}/events`,
  downloadOf: (id: string) => `api/v1/restore/${id}/download`,
}

/** Sends a picture. Only XMLHttpRequest tells how much of it has been sent: 0 to 1. */
export function upload(
  file: File,
  { model, parameters }: { model: string; parameters: object },
  onSent: (share: number) => void,
): Promise<Restoration> {
  const form = new FormData()
  form.set('model_id', model)
  form.set('parameters', JSON.stringify(parameters))
  form.set('file', file)
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest()
    request.open('POST', 'api/v1/restore')
    request.setRequestHeader('Accept', 'application/json')
    request.setRequestHeader('Prefer', 'respond-async')
    request.upload.onprogress = ({ loaded, total }) => onSent(total === 0 ? 0 : loaded / total)
    request.onerror = () =>
      reject(new Refusal(0, 'The picture could not be sent. Check the connection and try again.'))
    request.onload = () => {
      const body = read(request.responseText)
      if (request.status < 300) return resolve(body as unknown as Restoration)
      const { title, detail } = body
      reject(
        new Refusal(request.status, String(title ?? detail ?? `The service answered ${request.status}.`)),
      )
    }
    request.send(form)
  })
}

function read(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>
  } catch {
    return {}
  }
}
