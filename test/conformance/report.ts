import type { Grade, Judged, Part, Row } from './row.ts'

interface Result {
  readonly part: Part
  readonly rows: readonly Row[]
  /** Why the part was left out. */
  readonly missing?: string
}

/** The results of all parts as a page, nginx beside Gatehouse. */
export function writeReport(results: readonly Result[], versions: readonly string[]): string {
  return [
    '# Conformance',
    '',
    'Written by `make conformance`. "Tolerable" is not quite what the standard says and harms nobody: another error',
    'code, an end of the connection without a word. nginx stands beside for scale: a reverse proxy with the suites that',
    'Mozilla recommends, and otherwise as it comes. So it ends slow heads and bodies too, after its own 60 seconds.',
    '',
    `${versions.join(', ')}.`,
    '',
    '| part | requirements | right | tolerable | wrong | nginx: right | tolerable | wrong |',
    '|---|---:|---:|---:|---:|---:|---:|---:|',
    ...results.map(summaryLine),
    '',
    ...results.flatMap(sectionOf),
  ].join('\n')
}

const grades: readonly Grade[] = ['right', 'tolerable', 'wrong']

function summaryLine({ part, rows, missing }: Result): string {
  if (missing !== undefined) return `| ${part.title} | left out: ${missing} | | | | | | |`
  const ours = grades.map((grade) => rows.filter((row) => row.ours.grade === grade).length)
  const nginx = grades.map((grade) => rows.filter((row) => row.nginx?.grade === grade).length)
  return `| ${part.title} | ${rows.length} | ${[...ours, ...nginx].join(' | ')} |`
}

function sectionOf({ part, rows, missing }: Result): string[] {
  if (missing !== undefined) return []
  return [
    `## ${part.title}`,
    '',
    '| section | requirement | Gatehouse | nginx |',
    '|---|---|---|---|',
    ...rows.map(
      ({ section, says, ours, nginx, known }) =>
        `| ${section} | ${cell(says)} | ${judgement(ours)}${known === undefined ? '' : ` (${known})`} | ${nginx === undefined ? '' : judgement(nginx)} |`,
    ),
    '',
  ]
}

function judgement({ grade, seen }: Judged): string {
  return `${grade === 'right' ? '' : `**${grade}**: `}${cell(seen)}`
}

function cell(text: string): string {
  return text
    .replace(/[^\x20-\x7e\u00a0-\uffff]/g, ' ')
    .replaceAll('|', '\\|')
    .replaceAll('<', '&lt;')
}
