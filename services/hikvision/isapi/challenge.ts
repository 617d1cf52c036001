/** One scheme of a WWW-Authenticate or Authorization field: its name in small letters, and its parameters. */
export interface Challenge {
  readonly scheme: string
  readonly parameters: Readonly<Record<string, string>>
}

const parameterForm = /([A-Za-z][\w-]*)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*))/g

/** The first challenge of a field (RFC 9110, section 11.4), or undefined. */
export function parseChallenge(field: string): Challenge | undefined {
  return parseChallenges([field])[0]
}

/** All challenges of a response. Devices send one field for each; others list them in one, with commas. */
export function parseChallenges(fields: readonly string[]): Challenge[] {
  return fields.flatMap((field) =>
    splitSchemes(field).map(({ scheme, rest }) => {
      const parameters: Record<string, string> = Object.create(null)
      for (const [, name = '', quoted, token] of rest.matchAll(parameterForm))
        parameters[name.toLowerCase()] ??= quoted?.replace(/\\(.)/g, '$1') ?? token ?? ''
      return { scheme: scheme.toLowerCase(), parameters }
    }),
  )
}

// --- internal ---

/** A scheme is a word that a space and no equals sign follows, at the start or after a comma. */
function splitSchemes(field: string): { scheme: string; rest: string }[] {
  const masked = field.replace(/"(?:[^"\\]|\\.)*"/g, (text) => '"'.padEnd(text.length, '_'))
  const starts = [...masked.matchAll(/(?:^|,)\s*([A-Za-z][\w-]*)(?=\s+[A-Za-z][\w-]*\s*=|\s*$|\s*,)/g)]
  return starts.map((found, index) => ({
    scheme: found[1] ?? '',
    rest: field.slice(found.index + found[0].length, starts[index + 1]?.index ?? field.length),
  }))
}
