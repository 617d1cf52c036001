import type { Outcome } from './soak.ts'

/** What came of a run, as Markdown. `chart`: file name of the picture beside it. */
export function summarise({ findings, tally, samples, machine, began }: Outcome, chart: string): string {
  const minutes = (samples.at(-1)?.at ?? 0) / 60
  const { right, refused, wrong, failed } = tally.total
  const verdict = findings.every(({ holds }) => holds) ? 'holds' : 'does not hold'
  const kinds = [...tally.kinds].sort(([a], [b]) => a.localeCompare(b))
  return `# ${minutes.toFixed(0)} minutes of everything at once: ${verdict}

${began.toISOString()}, ${machine}. The real command with two workers; ${(right + refused + wrong + failed).toLocaleString('en')} answers were checked, byte by byte.

![${chart}](${chart})

| what | found | bound | |
|---|---|---|---|
${findings.map(({ what, found, bound, holds }) => `| ${what} | ${found} | ${bound} | ${holds ? 'holds' : '**does not hold**'} |`).join('\n')}

Growth is that of a straight line through the last two thirds of the run, from its first moment to its last. It may be
a share of the mean or a number that is small in any case.

| traffic | right | refused | wrong | failed |
|---|---|---|---|---|
${kinds.map(([kind, counts]) => `| ${kind} | ${counts.right} | ${counts.refused} | ${counts.wrong} | ${counts.failed} |`).join('\n')}

Refused is what is honest: an upstream that was down or lied at that moment, or 503 \`overloaded\`. While it ran,
routes.yaml was replaced every minute, the certificate every 90 seconds and the access log every 40 seconds.
${tally.faults.length === 0 ? '' : `\nThe first faults:\n\n${tally.faults.map((fault) => `    ${fault}`).join('\n')}\n`}`
}
