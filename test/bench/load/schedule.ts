/** Settles when `count` turns have been begun, `rate` in a second, whatever becomes of them. A tick is a millisecond. */
export function atRate(rate: number, count: number, begin: (index: number) => void): Promise<void> {
  const start = performance.now()
  let begun = 0
  return new Promise((resolve) => {
    const tick = setInterval(() => {
      const due = Math.min(count, Math.floor(((performance.now() - start) / 1000) * rate))
      while (begun < due) begin(begun++)
      if (begun < count) return
      clearInterval(tick)
      resolve()
    }, 1)
  })
}
