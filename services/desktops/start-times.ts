import type { Desktop } from './desktops.ts'
import { startSeconds } from './metrics.ts'

/** Times how long desktops take to start. Those that were starting when the service itself did are timed from then. */
export function createStartTimes() {
  /** Which start of each, and since when. */
  const wantedAt = new Map<string, { readonly generation: number; readonly at: number }>()
  return {
    /** Called whenever a desktop is looked at. */
    note({ id, wanted, status, generation }: Desktop): void {
      if (wanted !== 'running') wantedAt.delete(id)
      else if (status === 'starting' && wantedAt.get(id)?.generation !== generation)
        wantedAt.set(id, { generation, at: performance.now() })
    },
    /** It runs. */
    end({ id, generation }: Desktop): void {
      const wanted = wantedAt.get(id)
      wantedAt.delete(id)
      if (wanted?.generation === generation) startSeconds.observe({}, (performance.now() - wanted.at) / 1000)
    },
    forget: (id: string) => void wantedAt.delete(id),
  }
}
