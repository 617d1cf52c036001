import { SignJWT } from 'jose'
import { bodyOf } from '../body.ts'
import { between, pick } from '../chance.ts'
import type { Reply } from '../doors.ts'
import type { Kind, World } from '../world.ts'

/** Whole requests of every sort over HTTP/1.1 and HTTP/2, each of which has one right answer. */
export const requests: readonly Kind[] = (['http1', 'http2'] as const).map((door) => ({
  name: door === 'http1' ? 'requests over HTTP/1.1' : 'requests over HTTP/2',
  copies: 4,
  pause: 20,
  async turn(world) {
    const sort = pick(weighted)
    const { ask, isRight } = await sort(world)
    // An exchange ends on the table on which it began.
    const before = [...world.gatehouse.generations]
    const reply = await world.doors[door](ask)
    if (reply.status === 503 && reply.body.includes('"overloaded"')) return world.tally.refused(this.name)
    const generation = Number(reply.headers['x-generation'])
    if (!isRight(reply)) world.tally.wrong(this.name, `${ask.method ?? 'GET'} ${ask.path}: ${inShort(reply)}`)
    else if (Number.isFinite(generation) && ![...before, ...world.gatehouse.generations].includes(generation))
      world.tally.wrong(
        this.name,
        `generation ${generation}, and neither ${before} nor ${world.gatehouse.generations}`,
      )
    else world.tally.right(this.name)
  },
}))

export function inShort({ status, body }: Reply): string {
  return `${status} with ${body.length} bytes, ${JSON.stringify(body.toString('latin1', 0, 200))}`
}

interface Errand {
  readonly ask: Parameters<World['doors']['http1']>[0]
  isRight(reply: Reply): boolean
}
type Sort = (world: World) => Errand | Promise<Errand>

const body =
  (least: number, most: number): Sort =>
  () => {
    const [seed, size] = [between(0, 1_000_000), between(least, most)]
    return {
      // Names that nobody has used before: whatever remembers them without end shows in the memory.
      ask: { path: `/api/body/${seed}/${size}?${name()}=1`, headers: { [`x-${name()}`]: name() } },
      isRight: (reply) => reply.status === 200 && reply.body.equals(bodyOf(seed, size)),
    }
  }

const echo: Sort = () => {
  const [method, path] = [pick(['GET', 'DELETE', 'OPTIONS', 'PUT', 'PATCH']), `/api/${name()}`]
  return {
    ask: { method, path, body: method === 'PUT' ? bodyOf(0, 100) : undefined },
    isRight: ({ status, body }) => status === 200 && body.toString() === `${method} ${path}`,
  }
}

const head: Sort = () => ({
  ask: { method: 'HEAD', path: '/api/body/1/1000' },
  isRight: ({ status, headers, body }) =>
    status === 200 && body.length === 0 && headers['content-length'] === '1000',
})

const nothing: Sort = () => ({
  ask: { path: `/${name()}` },
  isRight: ({ status }) => status === 404,
})

const ambiguous: Sort = () => ({
  ask: { path: `/api/..%2f${name()}` },
  isRight: ({ status }) => status === 400,
})

const token: Sort = async ({ gatehouse }) => {
  const key = new TextEncoder().encode(gatehouse.tokenSecret)
  const signed = await new SignJWT({ sub: name() })
    .setProtectedHeader({ alg: 'HS256' })
    .setExpirationTime('1m')
    .sign(key)
  return {
    ask: { path: '/token/in', headers: { authorization: `Bearer ${signed}` } },
    isRight: ({ status, body }) => status === 200 && body.toString() === 'GET /token/in',
  }
}

const badToken: Sort = () => ({
  ask: { path: '/token/in', headers: { authorization: `Bearer ${name()}.${name()}.x` } },
  isRight: ({ status }) => status === 401,
})

const page: Sort = () => {
  const part = pick([undefined, 'bytes=0-9', 'bytes=100-199'])
  return {
    ask: { path: '/site/', headers: { 'accept-encoding': 'gzip', ...(part && { range: part }) } },
    isRight: ({ status, body }) => (part ? status === 206 && body.length <= 100 : status === 200),
  }
}

const weighted: readonly Sort[] = [
  ...Array(8).fill(body(0, 2_000)),
  ...Array(2).fill(body(10_000, 100_000)),
  body(500_000, 1_000_000),
  ...Array(3).fill(echo),
  head,
  nothing,
  ambiguous,
  token,
  badToken,
  page,
  page,
]

function name(): string {
  return Math.random().toString(36).slice(2, 10)
}
