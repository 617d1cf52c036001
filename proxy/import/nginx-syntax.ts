/** One directive of nginx: its words, and its block if it has one. */
export interface Directive {
  readonly name: string
  readonly args: readonly string[]
  readonly line: number
  readonly block?: readonly Directive[]
}

/** Reads nginx's grammar: words, quotes, `;`, `{ }`, and `#` to the end of a line. Throws with the line of a fault. */
export function parseNginx(text: string): Directive[] {
  const tokens = tokenize(text)
  let at = 0

  function readBlock(opened: number | undefined): Directive[] {
    const directives: Directive[] = []
    let words: Token[] = []
    for (;;) {
      const token = tokens[at]
      if (token === undefined) {
        if (opened !== undefined) throw new Error(`line ${opened}: this block is not closed`)
        if (words[0] !== undefined) throw new Error(`line ${words[0].line}: this directive has no ;`)
        return directives
      }
      at++
      if (token.isWord) {
        words.push(token)
        continue
      }
      const [name, ...args] = words
      if (token.text === '}') {
        if (name !== undefined) throw new Error(`line ${name.line}: this directive has no ;`)
        if (opened === undefined) throw new Error(`line ${token.line}: nothing is open here`)
        return directives
      }
      if (name === undefined) throw new Error(`line ${token.line}: "${token.text}" after nothing`)
      const directive = { name: name.text, args: args.map((word) => word.text), line: name.line }
      directives.push(token.text === '{' ? { ...directive, block: readBlock(token.line) } : directive)
      words = []
    }
  }
  return readBlock(undefined)
}

// --- internal ---

interface Token {
  readonly text: string
  readonly line: number
  readonly isWord: boolean
}

function tokenize(text: string): Token[] {
  const tokens: Token[] = []
  // A quoted word, a comment, a sign, a bare word (which may hold quotes and ${…}), or a blank.
  const pattern =
    /"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|#[^\n]*|([{};])|((?:\$\{[^}]*\}|\\.|[^\s{};])+)|(\s+)/gsy
  let line = 1
  for (let found = pattern.exec(text); found !== null; found = pattern.exec(text)) {
    const [whole, double, single, sign, bare] = found
    const quoted = double ?? single
    if (sign !== undefined) tokens.push({ text: sign, line, isWord: false })
    else if (quoted !== undefined) tokens.push({ text: quoted.replace(/\\(.)/gs, '$1'), line, isWord: true })
    else if (bare !== undefined) tokens.push({ text: bare, line, isWord: true })
    line += whole.split('\n').length - 1
  }
  return tokens
}
