/** What the proxies of a fleet tell each other, on one channel of Redis. */
export type FleetNews = {
  /** The proxy that says it: a word that is another one after each start. */
  readonly from: string
  /** Counts its changes. Whoever missed one reads its whole list. */
  readonly sequence: number
} & (
  | { readonly kind: 'beat' }
  | {
      readonly kind: 'leases'
      /** Sealed records, as they also stand in its list. */
      readonly put: Readonly<Record<string, string>>
      readonly gone: readonly string[]
      /** Services that said goodbye to this proxy and stand in the list of another: name and time (Unix ms). */
      readonly left: Readonly<Record<string, number>>
    }
)

/** Undefined if it is none. Its form is checked as far as it is read. */
export function readNews(text: string): FleetNews | undefined {
  try {
    const news = JSON.parse(text) as FleetNews
    if (typeof news?.from !== 'string' || !Number.isInteger(news.sequence)) return undefined
    if (news.kind === 'beat') return news
    const isWhole = isBlock(news.put) && isBlock(news.left) && Array.isArray(news.gone)
    return news.kind === 'leases' && isWhole ? news : undefined
  } catch {
    return undefined
  }
}

function isBlock(value: unknown): boolean {
  return typeof value === 'object' && value !== null
}
