import type { Count, CountStore } from './context.ts'

interface Guarded {
  readonly store: CountStore
  /** Made when it is first needed. */
  readonly spare: () => CountStore
  readonly onFailure: (why: string) => void
}

/**
 * A store that has not answered by then has failed, and is left alone for a while. In milliseconds. Longer than the
 * primary waits for Redis, so that it is the primary that counts for all workers meanwhile.
 */
const patience = 1_000
const pause = 1_000

/**
 * A shared store that fails or hangs must not take the site down, and must not unlimit logins either. So
 * neither open nor closed: while it is away this process counts for itself, by the same limit. With W workers
 * a client then gets at most W times the limit. Failure and return are reported once each.
 */
export function countDespiteFailure({ store, spare, onFailure }: Guarded): CountStore {
  let away = false
  let askAgainAt = 0

  function ask<T>(question: (of: CountStore) => T | Promise<T>): T | Promise<T> {
    if (away && Date.now() < askAgainAt) return question(spare())
    try {
      const answer = question(store)
      if (!isPromise(answer)) return answer
      return within(answer, patience).then(
        (value) => {
          if (away) onFailure('the shared store of counts is back')
          away = false
          return value
        },
        (error) => failed(error, question),
      )
    } catch (error) {
      return failed(error, question)
    }
  }

  function failed<T>(error: unknown, question: (of: CountStore) => T | Promise<T>): T | Promise<T> {
    if (!away)
      onFailure(`the shared store of counts is away, each process counts for itself: ${wordsOf(error)}`)
    away = true
    askAgainAt = Date.now() + pause
    return question(spare())
  }

  return {
    increment: (key) => ask<Count>((of) => checked(of.increment(key))),
    get: (key) => ask<Count | undefined>((of) => of.get?.(key)),
  }
}

function checked(answer: Count | Promise<Count>): Count | Promise<Count> {
  if (isPromise(answer)) return Promise.resolve(answer).then(checkCount)
  return checkCount(answer)
}

function checkCount(count: Count): Count {
  if (!Number.isInteger(count?.totalHits)) throw new Error('its answer is no count')
  return count
}

function within<T>(answer: Promise<T>, milliseconds: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no answer in ${milliseconds} ms`)), milliseconds)
    Promise.resolve(answer)
      .then(resolve, reject)
      .finally(() => clearTimeout(timer))
  })
}

function isPromise<T>(answer: T | Promise<T>): answer is Promise<T> {
  return typeof (answer as Partial<Promise<T>> | undefined)?.then === 'function'
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
