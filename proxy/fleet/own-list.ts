import type { Redis } from './redis.ts'

/** The leases that this proxy holds, as they stand in Redis for the others. */
export interface OwnList {
  has(name: string): boolean
  put(name: string, record: string): void
  /** Answers whether it was in the list. */
  drop(name: string): boolean
  /** A service said goodbye here, though it stands in the list of another proxy. */
  left(name: string, at: number): void
  /** Says that this proxy lives, and writes the list anew if Redis has not what it should have. */
  beat(): Promise<void>
}

export interface OwnListSettings {
  readonly id: string
  readonly key: string
  readonly redis: () => Redis
  publish(news: string): Promise<void>
}

/** How long Redis keeps the list of a proxy that says nothing. Milliseconds. */
const keptFor = 60_000
const perWrite = 500
/** The field that says up to which change a list goes. No lease has that name. */
export const sequenceField = '#'

/**
 * Every proxy writes its own list and no other, so none can undo what another wrote, and a list that is missing, torn
 * or old (Redis came back empty, or from an old file) is found by its number and written anew by who knows it.
 */
export function createOwnList({ id, key, redis, publish }: OwnListSettings): OwnList {
  const held = new Map<string, string>()
  let changed = new Set<string>()
  let goodbyes: Record<string, number> = {}
  let sequence = 0
  let isWhole = false
  let queue: Promise<void> = Promise.resolve()

  function change(name: string): void {
    if (changed.size === 0) setImmediate(() => enqueue(flush))
    changed.add(name)
  }

  function enqueue(work: () => Promise<void>): Promise<void> {
    queue = queue.then(work).catch(() => {
      isWhole = false
    })
    return queue
  }

  async function flush(): Promise<void> {
    if (!isWhole) return
    const names = changed
    const left = goodbyes
    changed = new Set()
    goodbyes = {}
    const put: Record<string, string> = {}
    const gone: string[] = []
    for (const name of names) {
      const record = held.get(name)
      if (record !== undefined) put[name] = record
      else if (!(name in left)) gone.push(name)
    }
    try {
      const next = sequence + 1
      if (gone.length > 0) await redis().call('HDEL', key, ...gone)
      await write(Object.entries(put), next)
      // From here on others may have heard of it, whatever is answered.
      sequence = next
      await publish(JSON.stringify({ kind: 'leases', from: id, sequence, put, gone, left }))
    } catch (error) {
      // Told again when Redis is back, so that nobody has to read the whole list for it.
      changed = new Set([...names, ...changed])
      goodbyes = { ...left, ...goodbyes }
      throw error
    }
  }

  async function write(entries: readonly (readonly [string, string])[], upTo: number): Promise<void> {
    for (let at = 0; at < entries.length; at += perWrite)
      await redis().call('HSET', key, ...entries.slice(at, at + perWrite).flat())
    await redis().call('HSET', key, sequenceField, upTo)
  }

  async function beat(): Promise<void> {
    const there = Number(await redis().call('HGET', key, sequenceField))
    if (!isWhole || there !== sequence) {
      await redis().call('DEL', key)
      // Its number stays: who knew the list knows it still, and three hundred need not read it again.
      await write([...held], sequence)
      isWhole = true
      if (changed.size > 0) setImmediate(() => enqueue(flush))
    }
    await redis().call('PEXPIRE', key, keptFor)
    await publish(JSON.stringify({ kind: 'beat', from: id, sequence }))
  }

  return {
    has: (name) => held.has(name),
    put(name, record) {
      held.set(name, record)
      change(name)
    },
    drop(name) {
      if (!held.delete(name)) return false
      change(name)
      return true
    },
    left(name, at) {
      goodbyes[name] = at
      change(name)
    },
    beat: () => enqueue(beat),
  }
}
