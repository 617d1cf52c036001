import { useEffect, useState } from 'react'
import type { DeviceEvent } from '../model.ts'

/** Whether the page hears of events as they come. The browser comes back by itself, and says what it saw last. */
export type Line = 'opening' | 'open' | 'broken'

/** Calls `onEvent` with each event that comes while the page is open. */
export function useLiveEvents(onEvent: (event: DeviceEvent) => void): Line {
  const [line, setLine] = useState<Line>('opening')
  useEffect(() => {
    const source = new EventSource('admin/events/stream')
    source.addEventListener('open', () => setLine('open'))
    source.addEventListener('error', () => setLine('broken'))
    source.addEventListener('event', (message) => onEvent(JSON.parse(message.data) as DeviceEvent))
    return () => source.close()
  }, [onEvent])
  return line
}
