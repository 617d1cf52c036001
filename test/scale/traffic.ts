import { createRandom, type Random } from '../fuzz/random.ts'

/** A fleet, as far as Redis meets it. */
export interface FleetShape {
  readonly proxies: number
  /** Leases of the whole fleet, spread evenly. */
  readonly leases: number
  /** How long a lease lives. Milliseconds. */
  readonly life: number
  /** How long a proxy runs until it is started again. Milliseconds. */
  readonly uptime: number
  /** Exchanges per second of one proxy whose limits are counted in Redis. */
  readonly counts: number
}

/** Per second, of all proxies together: the mean, and the worst second. */
export interface Load {
  readonly mean: number
  readonly most: number
}

export interface Traffic {
  /** Commands that are no counts. */
  readonly commands: Load
  readonly counts: Load
  /** Messages that Redis hands to subscribers, and their bytes. */
  readonly deliveries: Load
  readonly bytes: Load
  /** Reads of whole lists. */
  readonly lists: Load
}

/** What the code does: see `proxy/fleet/`. Milliseconds and bytes. */
const beatEvery = 3_000
const commandsPerBeat = 8
const beatBytes = 170
const changeBytes = 620
const recordBytes = 430

interface Second {
  commands: number
  counts: number
  deliveries: number
  bytes: number
  lists: number
}

/**
 * Plays so many seconds of a fleet: every beat, every lease that begins or ends, every proxy that is started again and
 * reads all lists. Redis is away for ten seconds in the middle, and all come back, each at a time of its own.
 */
export function playTraffic(shape: FleetShape, duration: number, seed: number): Traffic {
  const random = createRandom(seed)
  const seconds = Array.from(
    { length: duration },
    (): Second => ({ commands: 0, counts: 0, deliveries: 0, bytes: 0, lists: 0 }),
  )
  const outage = { from: (duration / 2) * 1_000, until: (duration / 2 + 10) * 1_000 }
  for (let proxy = 0; proxy < shape.proxies; proxy++) playProxy(shape, { seconds, outage, random })
  const loadOf = (part: keyof Second): Load => {
    const all = seconds.map((second) => second[part])
    return { mean: all.reduce((sum, each) => sum + each, 0) / all.length, most: Math.max(...all) }
  }
  return {
    commands: loadOf('commands'),
    counts: loadOf('counts'),
    deliveries: loadOf('deliveries'),
    bytes: loadOf('bytes'),
    lists: loadOf('lists'),
  }
}

interface Stage {
  readonly seconds: Second[]
  readonly outage: { readonly from: number; readonly until: number }
  readonly random: Random
}

function playProxy(shape: FleetShape, { seconds, outage, random }: Stage): void {
  const others = shape.proxies - 1
  const own = shape.leases / shape.proxies
  const end = seconds.length * 1_000
  const isAway = (at: number): boolean => at >= outage.from && at < outage.until
  const add = (at: number, part: Partial<Second>): void => {
    const second = seconds[Math.floor(at / 1_000)]
    if (second === undefined || isAway(at)) return
    for (const [key, value] of Object.entries(part)) second[key as keyof Second] += value
  }
  const publish = (at: number, bytes: number): void =>
    add(at, { commands: 1, deliveries: others, bytes: others * bytes })

  for (let at = random.below(beatEvery); at < end; at += beatEvery * (0.9 + random.below(201) / 1_000)) {
    add(at, { commands: commandsPerBeat - 1 })
    publish(at, beatBytes)
  }
  // A lease begins and ends once in its life; each is one change of the list, and one message.
  const between = shape.life / (2 * own)
  for (let at = wait(between, random); at < end; at += wait(between, random)) {
    add(at, { commands: 2 })
    publish(at, changeBytes)
  }
  const readAll = (at: number): void => {
    for (let other = 0; other < others; other++)
      add(at + other * 2, { commands: 1, lists: 1, bytes: own * recordBytes })
  }
  for (let at = wait(shape.uptime, random); at < end; at += wait(shape.uptime, random)) readAll(at)
  // Back, half a second to five after Redis, and a second is spread on top: its own list is written anew, and what
  // changed meanwhile is told. Who knew the list knows it still.
  const back = outage.until + 500 + random.below(4_500) + random.below(1_000)
  add(back, { commands: commandsPerBeat + Math.ceil(own / 500) })
  const missed = (outage.until - outage.from) / between
  if (random.below(1_000_000) < 1_000_000 * (1 - Math.exp(-missed)))
    publish(back, Math.max(1, missed) * changeBytes)
  for (let second = 0; second < seconds.length; second++) add(second * 1_000, { counts: shape.counts })
}

/** Until the next of events that know nothing of each other. */
function wait(mean: number, random: Random): number {
  return -mean * Math.log((random.below(1_000_000) + 1) / 1_000_001)
}
