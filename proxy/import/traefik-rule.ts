/** What a router takes. One rule may be several of them. */
export interface Match {
  readonly hosts: readonly string[]
  readonly path: string
  readonly exact: boolean
  readonly methods?: readonly string[]
}

/** ``Host(`a`) && (PathPrefix(`/b`) || Path(`/c`))`` as matches, one for each alternative; undefined for anything else. */
export function readRule(rule: string): Match[] | undefined {
  let alternatives: Match[] = [{ hosts: [], path: '/', exact: false }]
  for (const part of splitTop(rule, '&&')) {
    const choices = splitTop(part, '||').flatMap((term) => readTerm(term) ?? [undefined])
    if (choices.some((choice) => choice === undefined)) return undefined
    const hosts = choices.flatMap((choice) => choice?.hosts ?? [])
    const isOfHosts = choices.every((choice) => choice?.hosts !== undefined && choice.path === undefined)
    if (isOfHosts) alternatives = alternatives.map((match) => ({ ...match, hosts }))
    else alternatives = alternatives.flatMap((match) => choices.map((choice) => ({ ...match, ...choice })))
  }
  return alternatives
}

/** One matcher, whose values are alternatives. */
function readTerm(text: string): Partial<Match>[] | undefined {
  const [, name, inner = ''] = /^(Host|Path|PathPrefix|Method)\((.*)\)$/s.exec(text.trim()) ?? []
  const values = [...inner.matchAll(/[`"']([^`"']*)[`"']/g)].map((found) => found[1] ?? '')
  if (values.length === 0) return undefined
  if (name === 'Host') return [{ hosts: values }]
  if (name === 'Method') return [{ methods: values }]
  return values.map((value) =>
    name === 'Path' ? { path: value, exact: true } : { path: value.replace(/(.)\/+$/, '$1') },
  )
}

/** Splits at an operator that stands in no parentheses, and takes off parentheses around the whole. */
function splitTop(text: string, operator: string): string[] {
  const parts: string[] = []
  let depth = 0
  let from = 0
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '(') depth++
    else if (text[at] === ')') depth--
    else if (depth === 0 && text.startsWith(operator, at)) {
      parts.push(text.slice(from, at))
      from = at + operator.length
    }
  }
  parts.push(text.slice(from))
  return parts.map((part) => part.trim().replace(/^\((?=\w+\()(.*)\)$/s, '$1'))
}
