import { closest, distance } from 'fastest-levenshtein'

/** The candidate that was probably meant, or undefined if none is near. Case and the likes of `-` and `_` count little. */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  // Comparing costs what both are long, and nobody misspells a word of a hundred letters.
  if (word.length === 0 || word.length > 100) return undefined
  const byForm = new Map<string, string>()
  for (const candidate of candidates) if (candidate !== word) byForm.set(plain(candidate), candidate)
  if (byForm.size === 0) return undefined
  const form = closest(plain(word), [...byForm.keys()])
  const near = Math.ceil(Math.max(form.length, word.length) / 3)
  return distance(plain(word), form) <= near ? byForm.get(form) : undefined
}

/** `did you mean "policies"?`, or undefined if nothing is near. */
export function didYouMean(word: string, candidates: Iterable<string>): string | undefined {
  const meant = nearest(word, candidates)
  return meant === undefined ? undefined : `did you mean "${meant}"?`
}

/** As `didYouMean`; where nothing is near, what there is to choose from, as long as that fits on a line. */
export function choose(word: string, candidates: Iterable<string>): string | undefined {
  const all = [...candidates]
  return didYouMean(word, all) ?? (all.length > 0 && all.length <= 16 ? `there is ${list(all)}` : undefined)
}

/** `a, b and c`. */
export function list(words: readonly string[], and = 'and'): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} ${and} ${words.at(-1)}`
}

function plain(word: string): string {
  return word.toLowerCase().replace(/[-_]/g, '')
}
