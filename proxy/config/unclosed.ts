import { Lexer } from 'yaml'

/** A quote or bracket that nobody closed. */
export interface Unclosed {
  readonly offset: number
  readonly sign: string
}

/**
 * The innermost quote or bracket that is open at that place. YAML notices a missing end where something else begins,
 * which may be pages later; whoever has to mend it looks for its beginning.
 */
export function findUnclosed(text: string, place: number): Unclosed | undefined {
  const open: Unclosed[] = []
  let offset = 0
  for (const token of new Lexer().lex(text)) {
    if (offset >= place) break
    // Marks that the lexer puts between tokens stand for no text.
    if (marks.has(token)) continue
    const [sign = ''] = token
    const isQuoted = sign === '"' || sign === "'"
    if (isQuoted && offset + token.length >= place && (token.length === 1 || !token.endsWith(sign)))
      return { offset, sign }
    if (token === '{' || token === '[') open.push({ offset, sign: token })
    if (token === '}' || token === ']') open.pop()
    offset += token.length
  }
  return open.at(-1)
}

/**
 * The quote that goes on to the one that was meant to begin another text: behind the dash or the key of its line, and
 * right before what YAML then takes for text of its own.
 */
export function findRunaway(text: string, place: number): Unclosed | undefined {
  let offset = 0
  for (const token of new Lexer().lex(text)) {
    if (marks.has(token)) continue
    if (offset >= place) return undefined
    const [sign = ''] = token
    const end = offset + token.length
    const isQuoted = sign === '"' || sign === "'"
    if (isQuoted && text.slice(end, place).trim() === '' && /\n[ ]*(- |[\w-]+: ).$/.test(token))
      return { offset, sign }
    offset = end
  }
  return undefined
}

// --- internal ---

/** Beginning of a document, of a plain scalar, and of an error in a flow: control characters of the lexer's own. */
const marks: ReadonlySet<string> = new Set(['\u0002', '\u001f', '\u0018'])
