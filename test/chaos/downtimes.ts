/** When which part could not do its work: what a request may be excused with. */
export interface Downtimes {
  /** Answers how to say that it is back. */
  begin(part: string): () => void
  /** Whether the part was down at any moment between the two (milliseconds of performance.now()). */
  touched(part: string, from: number, until: number): boolean
}

export function createDowntimes(): Downtimes {
  const times: { part: string; from: number; until: number }[] = []
  return {
    begin(part) {
      const time = { part, from: performance.now(), until: Number.POSITIVE_INFINITY }
      times.push(time)
      return () => {
        time.until = performance.now()
      }
    },
    touched: (part, from, until) =>
      times.some((time) => time.part === part && time.from <= until && time.until >= from),
  }
}
