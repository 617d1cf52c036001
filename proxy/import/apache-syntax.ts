/** One directive of Apache, or a section with what stands in it. */
export interface Entry {
  readonly name: string
  readonly args: readonly string[]
  readonly line: number
  readonly block: readonly Entry[]
}

/** Sections that ask for a module, a version or a name of the command line are taken as if they were not there. */
export function withoutConditions(entries: readonly Entry[]): Entry[] {
  return entries.flatMap((entry) => {
    const block = withoutConditions(entry.block)
    if (!/^If(Module|Define|Version|File|Directive|Section)$/i.test(entry.name)) return [{ ...entry, block }]
    // What is said for those who lack what every Apache has.
    return /^!(mod_)?(authz_core|authn_core|authz_host)/i.test(entry.args[0] ?? '') ? [] : block
  })
}

/** Reads Apache's grammar: words, quotes, sections, lines that go on behind a backslash. Throws with the line of a fault. */
export function parseApache(text: string): Entry[] {
  const root: Entry[] = []
  const open: { name: string; block: Entry[]; line: number }[] = [{ name: '', block: root, line: 0 }]
  // What goes on behind a backslash is one line, and those after it keep their numbers.
  const joined = text.replace(/(?:[^\n]*\\\r?\n)+[^\n]*/g, (lines) => {
    const breaks = lines.split('\n').length - 1
    return lines.replace(/\\\r?\n/g, ' ') + '\n'.repeat(breaks)
  })
  for (const [index, written] of joined.split('\n').entries()) {
    const line = written.trim()
    if (line === '' || line.startsWith('#')) continue
    const close = /^<\/(\w+)>$/.exec(line)?.[1]
    if (close !== undefined) {
      const top = open.pop()
      if (top === undefined || open.length === 0 || top.name.toLowerCase() !== close.toLowerCase())
        throw new Error(`line ${index + 1}: </${close}> closes nothing`)
      continue
    }
    const section = /^<(\w+)\s*(.*?)>$/.exec(line)
    const [name = '', ...args] = wordsOf(section ? `${section[1]} ${section[2]}` : line)
    const block: Entry[] = []
    open.at(-1)?.block.push({ name, args, line: index + 1, block })
    if (section) open.push({ name, block, line: index + 1 })
  }
  const unclosed = open[1]
  if (unclosed !== undefined) throw new Error(`line ${unclosed.line}: <${unclosed.name}> is not closed`)
  return root
}

// --- internal ---

function wordsOf(line: string): string[] {
  return [...line.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? '')
}
