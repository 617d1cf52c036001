/** What somebody reads of a body: of a page the words without its marks, of anything else all there is. */
export function readPage(body: string): string {
  if (!/^\s*<!doctype html/i.test(body)) return body
  return body
    .replace(/<(head|style|script)\b[\s\S]*?<\/\1>/gi, ' ')
    .replace(/<\/?(strong|bdi|em|b|i|code|a)\b[^>]*>/gi, '')
    .replace(/<[^>]*>/g, ' ')
    .replace(/&(?:#(\d+)|(\w+));/g, (whole, number?: string, name?: string) =>
      number === undefined ? (entities[name ?? ''] ?? whole) : String.fromCodePoint(Number(number)),
    )
    .replace(/\s+/g, ' ')
    .trim()
}

// --- internal ---

const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }
