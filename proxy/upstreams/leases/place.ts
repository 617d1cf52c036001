/** Where a target stands: in which upstream, in which of its pools, and as whom. */
export interface Place {
  readonly upstream: string
  /** Of a keyed upstream: which pool. */
  readonly key?: string
  /** Of a lease: what the service calls itself. Of a fixed target: its address. */
  readonly id: string
}

/** A place as one word, for maps and messages. No part of it can hold the character between them. */
export function nameOf({ upstream, key = '', id }: Place): string {
  return `${upstream}\0${key}\0${id}`
}

/** The upstream of such a word. */
export function upstreamOf(name: string): string {
  return name.slice(0, name.indexOf('\0'))
}

/** As people read it: `desktop/alice-vscode/1`. */
export function showPlace({ upstream, key, id }: Place): string {
  return [upstream, key, id].filter((part) => part !== undefined).join('/')
}

/** A key or an id that services may take: what stands in a path as it is, and at most 128 characters of it. */
export function isPlaceWord(text: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._~-]{0,127}$/.test(text)
}
