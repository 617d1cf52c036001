/**
 * A line in which each address has its turn, and at an address each device: a thousand events of one wait behind a
 * single one of another. Two floors, because a device may call itself what it likes, and an address cannot.
 */
export interface FairQueue<Item> {
  readonly length: number
  push(address: string, device: string, item: Item): void
  /** The next items, at most so many. Empty if nothing waits. */
  take(count: number): Item[]
}

export function fairQueue<Item>(): FairQueue<Item> {
  const addresses: Ring<Ring<Line<Item>>> = new Map()
  let length = 0

  function next(): Item {
    const [address, devices] = first(addresses)
    const [device, line] = first(devices)
    const item = line.items[line.head] as Item
    line.items[line.head] = undefined
    line.head += 1
    turn(devices, device, line, line.head < line.items.length)
    turn(addresses, address, devices, devices.size > 0)
    length -= 1
    return item
  }

  return {
    get length() {
      return length
    },
    push(address, device, item) {
      const devices = addresses.get(address) ?? new Map<string, Line<Item>>()
      const line = devices.get(device) ?? { items: [], head: 0 }
      // What was taken from the front is let go before it outgrows what waits.
      if (line.head > 1024 && line.head * 2 > line.items.length) {
        line.items = line.items.slice(line.head)
        line.head = 0
      }
      line.items.push(item)
      devices.set(device, line)
      addresses.set(address, devices)
      length += 1
    },
    take: (count) => Array.from({ length: Math.min(count, length) }, next),
  }
}

// --- internal ---

interface Line<Item> {
  items: (Item | undefined)[]
  head: number
}

/** A Map hands out its entries in the order in which they were put in, so whoever had a turn is put in again. */
type Ring<Value> = Map<string, Value>

function first<Value>(ring: Ring<Value>): [string, Value] {
  for (const entry of ring) return entry
  throw new Error('nothing waits')
}

function turn<Value>(ring: Ring<Value>, key: string, value: Value, isWaiting: boolean): void {
  ring.delete(key)
  if (isWaiting) ring.set(key, value)
}
