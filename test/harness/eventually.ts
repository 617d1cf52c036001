import { setTimeout as sleep } from 'node:timers/promises'

/**
 * Calls `attempt` until it answers something true without throwing, and answers that. Nothing is not true:
 * an attempt that only asserts ends with `return true`.
 * After `timeout` milliseconds it throws the last error, or says what the last answer was.
 */
export async function eventually<T>(
  attempt: () => T | Promise<T>,
  { timeout = 15_000, every = 10 }: { timeout?: number; every?: number } = {},
): Promise<True<T>> {
  const end = performance.now() + timeout
  for (;;) {
    const outcome = await tryOnce(attempt)
    if (outcome.value) return outcome.value as True<T>
    if (performance.now() > end)
      throw outcome.error ?? new Error(`It did not come true within ${timeout} ms: ${String(outcome.value)}`)
    await sleep(every)
  }
}

type True<T> = Exclude<T, undefined | null | false>

async function tryOnce<T>(attempt: () => T | Promise<T>): Promise<{ value?: T; error?: unknown }> {
  try {
    return { value: await attempt() }
  } catch (error) {
    return { error }
  }
}
