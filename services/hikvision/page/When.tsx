const exact = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' })
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' })
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone

/** A moment in the viewer's own zone: the time of today, or the day as well. */
export function When({ at, note }: { at: string | null; note?: string }) {
  if (at === null) return <span className="soft">never</span>
  const date = new Date(at)
  const isToday = date.toDateString() === new Date().toDateString()
  const title = `${exact.format(date)} (${zone})${note ? `. ${note}` : ''}`
  return (
    <time dateTime={at} title={title}>
      {isToday ? clock.format(date) : exact.format(date)}
    </time>
  )
}

/** `3 s`, `2 min`, `1 h 5 min`, `4 days`. */
export function spanText(milliseconds: number): string {
  const seconds = Math.round(Math.abs(milliseconds) / 1000)
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.round(seconds / 60)
  if (minutes < 60) return `${minutes} min`
  const hours = Math.floor(minutes / 60)
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.round(hours / 24)} days`
}
