/** `0`, `3.4`, `812`, `12,040`. */
export function showNumber(value = 0): string {
  if (value === 0) return '0'
  return value < 10 ? value.toFixed(1) : Math.round(value).toLocaleString('en')
}

/** Milliseconds, as a person says them. */
export function showDuration(milliseconds: number | undefined): string {
  if (milliseconds === undefined) return '–'
  if (milliseconds >= 60_000) return showSpan(milliseconds)
  if (milliseconds >= 1000) return `${(milliseconds / 1000).toFixed(1)} s`
  return `${milliseconds < 10 ? milliseconds.toFixed(1) : Math.round(milliseconds)} ms`
}

/** A longer while: `40 s`, `12 min`, `5 h`, `31 days`. */
export function showSpan(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1000))
  if (seconds < 120) return `${seconds} s`
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.floor(seconds / 86_400)} days`
}

export function showBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB']
  let [value, unit] = [bytes, 0]
  while (value >= 1000 && unit < units.length - 1) [value, unit] = [value / 1000, unit + 1]
  return `${value < 10 && unit > 0 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`
}

/** Of the clock of whoever looks: `12:04:31`. */
export function showTime(at: number): string {
  return new Date(at).toLocaleTimeString('en-GB')
}

export function showDay(at: number): string {
  return new Date(at).toLocaleDateString('en-GB', { day: 'numeric', month: 'short', year: 'numeric' })
}

/** `1 target`, `3 targets`. */
export function showCount(count: number, noun: string): string {
  return `${count.toLocaleString('en')} ${noun}${count === 1 ? '' : 's'}`
}
