import { XMLParser } from 'fast-xml-parser'

/** What a body says, whether it was XML or JSON: names without prefixes, and values that are text, numbers or lists. */
export type Tree = string | number | boolean | null | Tree[] | Branch
export interface Branch {
  [name: string]: Tree
}

/** Why a text is no tree, in a few words for a person. */
export class Unreadable extends Error {
  override readonly name = 'Unreadable'
}

/** Bytes of text; the longest that a device is known to send is a tenth of it. Beyond it a parser is a weapon. */
const longestText = 256 << 10
const deepest = 32
const mostNodes = 20_000

/** Reads XML or JSON, whichever it is; what its Content-Type says is often wrong. Throws Unreadable. */
export function readTree(content: Buffer): { tree: Tree; isXml: boolean } {
  const text = textOf(content)
  const begin = text[0]
  if (begin !== '<' && begin !== '{' && begin !== '[' && begin !== '"')
    throw new Unreadable('is neither XML nor JSON')
  if (text.length > longestText) throw new Unreadable(`is longer than ${longestText} characters`)
  const isXml = begin === '<'
  const raw = isXml ? readXml(text) : readJson(text)
  return { tree: tidy(raw, 0, { left: mostNodes }), isXml }
}

/** Whether bytes begin like XML or JSON, behind a byte order mark and white space. */
export function looksLikeText(content: Buffer): boolean {
  const isWide = content[0] === 0xff && content[1] === 0xfe
  const begin = content.toString(isWide ? 'utf16le' : 'utf8', 0, 256).replace(/^[\uFEFF\s\0]+/, '')
  return /^[<{[]|^"\{/.test(begin)
}

export function isBranch(tree: Tree | undefined): tree is Branch {
  return typeof tree === 'object' && tree !== null && !Array.isArray(tree)
}

// --- internal ---

/** Bytes that are no UTF-8 become replacement characters: better one odd letter in a name than no event. */
function textOf(content: Buffer): string {
  const [first, second] = content
  if (first === 0xff && second === 0xfe) return trim(content.toString('utf16le', 2))
  return trim(content.toString('utf8'))
}

/**
 * The end by hand: `[\s\0]+$` begins anew at each blank of a run that something follows, which is hours for a body of
 * blanks.
 */
function trim(text: string): string {
  let end = text.length
  while (end > 0 && /[\s\0]/.test(text[end - 1] as string)) end -= 1
  return text.slice(0, end).replace(/^[\uFEFF\s\0]+/, '')
}

/**
 * No document type: its entities are how a few bytes become gigabytes, and no device has one. A lone `&`, which devices
 * do write, stands for itself.
 */
function readXml(text: string): Tree {
  if (/<!(DOCTYPE|ENTITY)/i.test(text)) throw new Unreadable('has a document type, which no device sends')
  // One byte past the end, and whatever else follows the root, is not the document's.
  const end = text.lastIndexOf('>') + 1
  const whole = text.slice(0, end).replace(/&(?!(?:[A-Za-z]\w{1,31}|#\d{1,7}|#x[\dA-Fa-f]{1,6});)/g, '&amp;')
  try {
    return parser().parse(whole) as Tree
  } catch (error) {
    throw new Unreadable(`is not XML: ${(error as Error).message.slice(0, 120)}`)
  }
}

/** A parser keeps the entities of the document before, so each document gets its own. */
function parser(): XMLParser {
  return new XMLParser({
    ignoreAttributes: true,
    removeNSPrefix: true,
    parseTagValue: false,
    ignoreDeclaration: true,
    ignorePiTags: true,
    htmlEntities: true,
    maxNestedTags: deepest,
  })
}

function readJson(text: string): Tree {
  try {
    return JSON.parse(text) as Tree
  } catch {
    // Whatever follows the last brace is padding.
    const end = Math.max(text.lastIndexOf('}'), text.lastIndexOf(']')) + 1
    try {
      return JSON.parse(text.slice(0, end)) as Tree
    } catch (error) {
      throw new Unreadable(`is not JSON: ${(error as Error).message.slice(0, 120)}`)
    }
  }
}

/** A copy that a database takes: no NUL, no half of a surrogate pair, and neither deep nor endless. */
function tidy(tree: Tree, depth: number, nodes: { left: number }): Tree {
  nodes.left -= 1
  if (depth > deepest) throw new Unreadable(`is deeper than ${deepest} levels`)
  if (nodes.left < 0) throw new Unreadable(`has more than ${mostNodes} values`)
  if (typeof tree === 'string') return tidyText(tree)
  if (typeof tree !== 'object' || tree === null) return tree
  if (Array.isArray(tree)) return tree.map((each) => tidy(each, depth + 1, nodes))
  return Object.fromEntries(
    Object.entries(tree).map(([name, value]) => [tidyText(name), tidy(value, depth + 1, nodes)]),
  )
}

function tidyText(text: string): string {
  return text.replaceAll('\0', '').toWellFormed()
}
