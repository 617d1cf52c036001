import { Problem } from '../shared/problem.ts'

/** Counts visits. A visit is known by the id of its request, so that one that is told of twice counts once. */
export interface Counter {
  /**
   * Adds a visit, and answers how many there are with it. Once it has answered, the visit is kept. A request that was
   * counted in the last minutes gets the number that it had got: the proxy asks again when an answer does not reach it,
   * and so do we when Redis's does not reach us.
   *
   * Rejects with a 503 when the count cannot be kept.
   */
  add(requestId: string): Promise<number>
  /** For the metrics: false, or a rejection, where no visit could be kept now. */
  canKeep(): boolean | Promise<unknown>
  close(): Promise<void>
}

/** Seconds for which a request is remembered. Whoever repeats it, Redis's client or the proxy, gives up long before. */
export const remembered = 300

export function countIsAway(): Problem {
  return new Problem(503, 'The count is away; try again in a moment', { headers: { 'Retry-After': '5' } })
}
