import { createHash } from 'node:crypto'
import sharp from 'sharp'
import { accessEvent } from '../../services/hikvision/simulator/payloads.ts'
import { type Ask, type Reply, request } from '../harness/request.ts'
import { type Fleet, fleetPassword } from './fleet.ts'

/** Names and words that no metric may show: each is sent to a service by `useFleet`. */
export const planted = [
  'alice-planted',
  'hunter2-planted',
  'planted-path',
  'PLANTED',
  'planted-video',
  '02:00:5e:00:53:01',
  'Paula Planted',
  fleetPassword,
]

/** Has each service do some of what it is for, and refuse some of what it refuses. `model`: of Hugging Face, not waited for. */
export async function useFleet(fleet: Fleet, { model }: { readonly model?: string } = {}): Promise<void> {
  await Promise.all(fleet.services.map(({ name }) => uses[name](fleet.of(name).url, model)))
  for (const { url } of fleet.services) {
    await request(`${url}/planted-path`)
    await request(`${url}/x`, { method: 'PURGE', headers: { 'user-agent': 'PLANTED' } })
  }
}

// --- internal ---

const uses = {
  async visits(url: string) {
    await request(`${url}/flask/auth/login`, json({ username: 'alice-planted', password: 'hunter2-planted' }))
    const login = await request(
      `${url}/flask/auth/login`,
      json({ username: 'admin', password: fleetPassword }),
    )
    const { token } = read<{ token: string }>(login)
    await request(`${url}/flask/api/count`, { headers: { authorization: `Bearer ${token}` } })
  },
  async photos(url: string, model?: string) {
    const login = await request(
      `${url}/api/v1/auth/login`,
      json({ username: 'admin', password: fleetPassword }),
    )
    const { access_token } = read<{ access_token: string }>(login)
    const contents =
      model === undefined
        ? [await picture(), Buffer.from('no picture at all')]
        : [await picture(), await picture()]
    for (const content of contents) {
      const form = new FormData()
      form.set('model_id', model ?? 'repair')
      form.set('file', new File([new Uint8Array(content)], 'alice-planted.jpg'))
      const headers = model === undefined ? undefined : { prefer: 'respond-async' }
      await send(`${url}/api/v1/restore`, form, access_token, headers)
    }
  },
  async camera(url: string) {
    const made = await request(`${url}/api/session/create`, json({ participant_name: 'Paula Planted' }))
    const { session_id, token } = read<{ session_id: string; token: string }>(made)
    const chunk = Buffer.alloc(16_384, 7)
    // As WebM begins.
    chunk.writeUInt32BE(0x1a45dfa3)
    const fields = {
      session_id,
      video_id: 'planted-video',
      chunk_index: '0',
      chunk_size: String(chunk.length),
      total_chunks: '2',
      size: String(chunk.length),
      sha256: createHash('sha256').update(chunk).digest('hex'),
    }
    // The same chunk twice, and one that is not what it says.
    for (const each of [fields, fields, { ...fields, chunk_index: '1', sha256: '0'.repeat(64) }]) {
      const form = new FormData()
      for (const [name, value] of Object.entries(each)) form.set(name, value)
      form.set('chunk', new File([chunk], 'chunk'))
      await send(`${url}/api/upload/chunk`, form, token)
    }
    const image = `data:image/jpeg;base64,${(await picture()).toString('base64')}`
    await request(`${url}/api/quality/check`, json({ image }))
    await request(`${url}/api/quality/check`, json({ image: 'data:image/jpeg;base64,AAAA' }))
  },
  async hikvision(url: string) {
    const sender = { mac: '02:00:5e:00:53:01', serial: 'PLANTED', address: '192.0.2.9', name: 'planted-path' }
    const { type, body } = accessEvent(sender, new Date(), { name: 'Paula Planted', employeeNoString: '7' })
    for (let count = 0; count < 2; count += 1)
      await request(`${url}/planted-path/${count}`, {
        method: 'POST',
        headers: { 'content-type': type },
        body,
      })
  },
  async desktops(url: string) {
    const session = `${url}/desktops/api/session`
    await request(session, json({ username: 'alice-planted', password: 'hunter2-planted' }))
    const login = await request(session, json({ username: 'admin', password: fleetPassword }))
    const cookie = [login.headers['set-cookie'] ?? []].flat()[0]?.split(';')[0] ?? ''
    const kinds = await request(`${url}/desktops/api/desktops`, { headers: { cookie } })
    const [kind] = read<{ types: { type: string }[] }>(kinds).types
    const ask = json({ type: kind?.type })
    await request(`${url}/desktops/api/desktops`, { ...ask, headers: { ...ask.headers, cookie } })
  },
}

function json(body: object): Ask {
  return {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    timeout: 30_000,
  }
}

function read<Answer>({ status, text }: Reply): Answer {
  if (status >= 300) throw new Error(`${status} ${text}`)
  return JSON.parse(text)
}

async function send(
  url: string,
  form: FormData,
  token: string,
  headers: Record<string, string> = {},
): Promise<void> {
  const response = await fetch(url, {
    method: 'POST',
    body: form,
    headers: { authorization: `Bearer ${token}`, ...headers },
  })
  await response.text()
}

function picture(): Promise<Buffer> {
  return sharp({ create: { width: 96, height: 96, channels: 3, background: '#777' } })
    .jpeg()
    .toBuffer()
}
