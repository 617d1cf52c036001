/** Patterns of paths that are prefixes by another spelling. */

/** `^/(api|auth)/`, `^/files(/.*)?$` as prefixes, which end at a segment here; undefined for other patterns. */
export function prefixesOf(pattern: string): string[] | undefined {
  const [, one, many] =
    /^\^?\/(?:([\w-]+(?:\/[\w-]+)*)|\((?:\?:)?([\w-]+(?:\|[\w-]+)*)\))(?:\/|\(\/\|\$\)|\(\$\|\/\)|\(\/\.\*\)\?\$?|\/\.\*\$?|\/\(\.\*\)\$?|\/\?\(\.\*\)\$)$/.exec(
      pattern,
    ) ?? []
  if ((one === undefined && many === undefined) || !pattern.startsWith('^')) return undefined
  return (one ?? many ?? '').split('|').map((path) => `/${path}`)
}

/** Whether a pattern takes dot files alone, which are never served here. */
export function isOfDotFiles(pattern: string): boolean {
  return /^(\^?\/|\((\?:)?\^\|\/\)|\.\*\/)\\\./.test(pattern)
}
