/**
 * A word of a command that people copy from a report into a shell. Clients choose the addresses in it: `/$(reboot)` must
 * stay an address. What is not plain ASCII is written by numbers, for bash and its kin.
 */
export function shellWord(word: string): string {
  if (/^[\w@%+=:,./-]+$/.test(word)) return word
  if (!/[^\x20-\x7e]/.test(word)) return `'${word.replaceAll("'", "'\\''")}'`
  return `$'${word.replace(/[^\x20-\x7e]|['\\]/g, escaped)}'`
}

function escaped(character: string): string {
  const code = character.charCodeAt(0)
  return code < 0x80 ? `\\x${hex(code, 2)}` : `\\u${hex(code, 4)}`
}

function hex(code: number, digits: number): string {
  return code.toString(16).padStart(digits, '0')
}
