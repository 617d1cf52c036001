/**
 * What would steer the terminal that shows a text, but for colours and the place to begin at: clients choose hosts and
 * paths, and a CSI of one byte (U+009B) passes in a field of HTTP.
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const steering = /[\0-\x08\x0b-\x1a\x1c-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]|\x1b(?!\[[\d;]*[mHJ])/g

/** The text with a mark in the place of each of them. */
export function terminalText(text: string): string {
  return text.replace(steering, '\ufffd')
}
