/** A figure with about three digits: 12,345 · 123 · 12.3 · 1.23 · 0.012. A dash if there is none. */
export function figureText(value: number | undefined): string {
  if (value === undefined || Number.isNaN(value)) return '–'
  if (value === 0) return '0'
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en')
  return value.toPrecision(Math.abs(value) < 0.1 ? 2 : 3)
}
