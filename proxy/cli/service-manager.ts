import { execFile } from 'node:child_process'

/**
 * What a service manager is told by the protocol of sd_notify(3), where it asks for that by NOTIFY_SOCKET: systemd with
 * `Type=notify`, and others that speak it.
 */
export interface ServiceManager {
  /** All that was asked for is in force: a start, or a reload. */
  ready(status: string): void
  reloading(): void
  stopping(): void
  /**
   * From now on the watchdog is answered as long as the event loop of this process turns and `isWell` says so. Each
   * answer carries how things are, for `systemctl status`. Without a watchdog it is looked at as often, and told.
   */
  watch(isWell: () => boolean, status: () => string): void
}

/** Milliseconds between two looks where there is no watchdog. */
const usualPause = 10_000
/** Milliseconds that one word may take. */
const patience = 5_000

/**
 * The socket is a unix datagram socket, which Node has none of, and packages that have are compiled when they are
 * installed. So each word is one run of systemd-notify, which every machine has that has systemd; it waits until the
 * manager has read it, so the manager finds out whose word it was (`NotifyAccess=all`). That is some milliseconds of CPU
 * twice in a watchdog period.
 *
 * Answers undefined where nobody asked.
 */
export function openServiceManager(
  env: NodeJS.ProcessEnv,
  onTrouble: (sentence: string) => void,
  program = 'systemd-notify',
): ServiceManager | undefined {
  const { NOTIFY_SOCKET: socket, WATCHDOG_USEC, WATCHDOG_PID } = env
  if (socket === undefined || socket === '') return undefined
  const isOurs = WATCHDOG_PID === undefined || Number(WATCHDOG_PID) === process.pid
  // Twice in the time after which the manager loses its patience.
  const pause = isOurs && Number(WATCHDOG_USEC) > 0 ? Number(WATCHDOG_USEC) / 2_000 : usualPause

  let words: Promise<void> = Promise.resolve()
  let waiting = 0
  let isTold = false
  let timer: NodeJS.Timeout | undefined

  /** One after the other, because a READY=1 that overtakes its RELOADING=1 would leave the manager waiting. */
  function say(...variables: string[]): void {
    waiting += 1
    words = words.then(() => send(variables)).finally(() => (waiting -= 1))
  }

  function send(variables: readonly string[]): Promise<void> {
    return new Promise((resolve) => {
      const options = { env: { PATH: env.PATH, NOTIFY_SOCKET: socket }, timeout: patience }
      execFile(program, variables, options, (error, _, said) => {
        if (error && !isTold)
          onTrouble(`the service manager cannot be told by ${program}: ${said.trim() || error.message}`)
        isTold = error !== null
        resolve()
      })
    })
  }

  return {
    ready: (status) => say('READY=1', `STATUS=${status}`),
    // The time tells the manager that a READY=1 which is still under way is of before.
    reloading: () => say('RELOADING=1', `MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`),
    stopping() {
      clearInterval(timer)
      say('STOPPING=1', 'STATUS=stopping: requests under way may end')
    },
    watch(isWell, status) {
      timer = setInterval(() => {
        // A manager that does not take its words gets no queue of them.
        if (waiting > 2) return
        say(...(isWell() ? ['WATCHDOG=1'] : []), `STATUS=${status()}`)
      }, pause).unref()
    },
  }
}
