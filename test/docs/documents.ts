import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { projectFolder } from '../system/shipped.ts'

/** A piece of a document between fences. */
export interface Block {
  /** What stands behind its fence: `sh`, `yaml`, `ts`, or nothing. */
  readonly language: string
  readonly text: string
  /** Of its first line. */
  readonly line: number
  /** The last heading before it. */
  readonly heading: string
}

export interface Document {
  /** From the folder of the project. */
  readonly path: string
  readonly text: string
  readonly blocks: readonly Block[]
  /** Without the blocks. */
  readonly prose: string
}

/** What people read to use or change Gatehouse and its services. */
export function readDocuments(): Document[] {
  const listed = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '*.md'], {
    cwd: projectFolder,
    encoding: 'utf8',
  })
  const isRead = /^(?:[A-Z]+\.md|docs\/.*|deploy\/.*|services\/\w+\/README\.md)$/
  return listed
    .split('\n')
    .filter((path) => isRead.test(path))
    .sort()
    .map(readDocument)
}

export function readDocument(path: string): Document {
  const text = readFileSync(join(projectFolder, path), 'utf8')
  const blocks: Block[] = []
  const prose: string[] = []
  let heading = ''
  let open: { fence: string; language: string; line: number; lines: string[] } | undefined
  for (const [index, line] of text.split('\n').entries()) {
    const [, indent = '', fence, language = ''] = /^( *)(```+)\s*(\S*)/.exec(line) ?? []
    if (open === undefined && fence !== undefined)
      open = { fence: indent + fence, language, line: index + 2, lines: [] }
    else if (open !== undefined && line.trimEnd() === open.fence) {
      const depth = open.fence.search(/`/)
      blocks.push({
        language: open.language,
        line: open.line,
        heading,
        text: open.lines.map((each) => each.slice(depth)).join('\n'),
      })
      open = undefined
    } else if (open !== undefined) open.lines.push(line)
    else {
      heading = /^#+ +(.+)$/.exec(line)?.[1] ?? heading
      prose.push(line)
    }
  }
  if (open !== undefined) throw new Error(`${path}:${open.line} has a fence that is not closed`)
  return { path, text, blocks, prose: prose.join('\n') }
}

/** The anchors that headings get where Markdown is shown. */
export function anchorsOf({ prose }: Document): Set<string> {
  const anchors = new Set<string>()
  for (const [, heading = ''] of prose.matchAll(/^#{1,6} +(.+)$/gm)) {
    const plain = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase()
    const base = plain
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replace(/\s/g, '-')
    let anchor = base
    for (let again = 1; anchors.has(anchor); again++) anchor = `${base}-${again}`
    anchors.add(anchor)
  }
  return anchors
}
