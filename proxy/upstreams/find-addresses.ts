import { type LookupAddress, lookup } from 'node:dns'
import type { LookupFunction } from 'node:net'

/** How long an answer is waited for where an earlier one is known. Milliseconds. */
const patience = 1_000
/** Names whose addresses are remembered. Leases may bring any number of names. */
const mostKnown = 10_000

type Answer = (error: NodeJS.ErrnoException | null, found: readonly LookupAddress[]) => void

/** Whoever waits for the addresses of a name. */
const asking = new Map<string, Set<Answer>>()
/** What was last answered. */
const known = new Map<string, readonly LookupAddress[]>()

/**
 * The addresses of a name, from the system, at least one unless there is an error.
 *
 * The system is asked in threads of which libuv lends two, and a name server that says nothing holds one for ten
 * seconds or more. So a name is asked for once at a time, however many wait for it: the requests to one upstream
 * whose name stalls would otherwise keep the names of all others waiting.
 *
 * A name server that is late or broken is no reason to lose upstreams that are well: what it last said holds until it
 * speaks again. That a name is gone is an answer like any other.
 */
export function findAddresses(name: string, answer: Answer): void {
  const last = known.get(name)
  let late: NodeJS.Timeout | undefined
  const once: Answer = (error, found) => {
    clearTimeout(late)
    if (error?.code === 'EAI_AGAIN' && last !== undefined) answer(null, last)
    else answer(error, found)
  }
  if (last !== undefined)
    late = setTimeout(() => {
      asking.get(name)?.delete(once)
      answer(null, last)
    }, patience)
  const others = asking.get(name)
  if (others !== undefined) return void others.add(once)
  asking.set(name, new Set([once]))
  lookup(name, { all: true }, (error, found) => {
    const waiting = asking.get(name)
    asking.delete(name)
    if (error === null) remember(name, found)
    else if (error.code === 'ENOTFOUND') known.delete(name)
    for (const each of waiting ?? []) each(error, found)
  })
}

/** The same in the form in which sockets ask. */
export const lookupAddresses: LookupFunction = (name, options, callback) => {
  findAddresses(name, (error, found) => {
    const first = found?.[0]
    if (error !== null || first === undefined) return callback(error, '', 0)
    if (options.all) callback(null, [...found])
    else callback(null, first.address, first.family)
  })
}

function remember(name: string, found: readonly LookupAddress[]): void {
  known.delete(name)
  known.set(name, found)
  if (known.size > mostKnown) known.delete(known.keys().next().value as string)
}
