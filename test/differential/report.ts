import { type Compared, type Comparison, isExplained } from './comparison.ts'
import { type Explanation, explanations, type Verdict } from './explanations/index.ts'
import { describe } from './outcome.ts'

/** The comparison as a page: how many of each verdict, the reasons, and every case with what each side did. */
export function writeReport(comparisons: readonly Comparison[]): string {
  const rows = comparisons.flatMap((comparison) => comparison.rows)
  const reasons = numberReasons(rows)
  const versions = [...(comparisons[0]?.versions ?? [])].map(([name, version]) => `${name} ${version}`)
  return [
    '# Side by side',
    '',
    `The same ${rows.length} requests to Gatehouse and to ${versions.join(' and ')}, each in front of the same upstream.`,
    'Written by `make differential`; `make test` fails where a difference has no reason below.',
    '',
    'What the client got stands first, then what reached the upstream: method, target, framing, body. "closed" says that',
    'the proxy ended the connection or the stream, "cut" that a request did not reach the upstream whole.',
    '',
    ...tally(comparisons),
    '',
    '## Reasons',
    '',
    ...[...reasons].map(([{ verdict, because }, number]) => `${number}. **${verdict}.** ${because}`),
    '',
    '## Cases',
    '',
    '| case | what is odd | Gatehouse | nginx | HAProxy |',
    '|---|---|---|---|---|',
    ...rows.map((row) => caseLine(row, reasons)),
    '',
  ].join('\n')
}

const verdicts: readonly (Verdict | 'same' | 'unexplained')[] = [
  'same',
  'ours is stricter',
  'theirs is stricter, ours is right',
  'ours does less, harmless',
  'harmless',
  'unexplained',
]

function tally(comparisons: readonly Comparison[]): string[] {
  const peers = comparisons.flatMap(({ rows }) => rows.flatMap((row) => row.peers))
  const count = (name: string, verdict: (typeof verdicts)[number]) =>
    peers.filter(
      (peer) =>
        peer.name === name &&
        verdict === (peer.difference === undefined ? 'same' : (peer.explanation?.verdict ?? 'unexplained')),
    ).length
  const broken = comparisons.flatMap(({ rows }) => rows.filter((row) => row.broken.length > 0))
  return [
    '| verdict | beside nginx | beside HAProxy |',
    '|---|---:|---:|',
    ...verdicts.map(
      (verdict) => `| ${verdict} | ${count('nginx', verdict)} | ${count('HAProxy', verdict)} |`,
    ),
    '',
    `Cases in which Gatehouse broke a promise of its own: ${broken.length}.`,
  ]
}

/** In the order of the table, so that a number changes only where the table does. */
function numberReasons(rows: readonly Compared[]): Map<Explanation, number> {
  const used = new Set(rows.flatMap(({ peers }) => peers.map(({ explanation }) => explanation)))
  return new Map(explanations.filter((each) => used.has(each)).map((each, at) => [each, at + 1]))
}

function caseLine(row: Compared, reasons: ReadonlyMap<Explanation, number>): string {
  const { question, ours, broken, peers } = row
  const cellOf = (name: string): string => {
    const peer = peers.find((each) => each.name === name)
    if (peer === undefined) return ''
    if (peer.difference === undefined) return 'the same'
    const reason = peer.explanation && reasons.get(peer.explanation)
    return `${code(describe(peer.outcome))} ${isExplained(peer) ? `(${reason})` : '**unexplained**'}`
  }
  const own = broken.length > 0 ? `${code(describe(ours))} **${broken.join('; ')}**` : code(describe(ours))
  return `| ${code(question.name)} | ${question.says.replaceAll('|', '\\|')} | ${own} | ${cellOf('nginx')} | ${cellOf('HAProxy')} |`
}

/** Text of any bytes in a cell of a table. */
function code(text: string): string {
  const shown = text.replace(
    /[^\x20-\x7e·…×]/g,
    (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`,
  )
  return `\`\` ${shown.replaceAll('|', '\\|')} \`\``
}
