/** Keeps the load at a share of the machine, however fast it is and whoever else uses it. */
export interface Governor {
  /** How fast clients go: 1 is as their kind says. */
  readonly pace: number
  /** `cpu`: cores that the proxy and its clients have used of late. */
  observe(cpu: number): void
}

/** `aim`: cores that they may use together. */
export function createGovernor(aim: number): Governor {
  let pace = 0.5
  return {
    get pace() {
      return pace
    },
    observe(cpu) {
      // A third of the way, because what was measured lies behind what is set.
      pace = Math.min(8, Math.max(0.02, pace * (aim / Math.max(cpu, aim / 10)) ** (1 / 3)))
    },
  }
}
