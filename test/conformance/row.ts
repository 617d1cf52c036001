import type { Lane } from '../differential/server-process.ts'
import type { Teardown } from '../harness/teardown.ts'

/**
 * `right` is what the standard says. `tolerable` is not quite it, and harms nobody: another error code, an end of
 * the connection without a word.
 */
export type Grade = 'right' | 'tolerable' | 'wrong'

export interface Judged {
  readonly grade: Grade
  /** What was seen, in a few words. */
  readonly seen: string
}

/** One requirement, and how each side meets it. */
export interface Row {
  /** Section of the standard, or the tool's name for it. */
  readonly section: string
  readonly says: string
  readonly ours: Judged
  readonly nginx: Judged | undefined
  /** Why ours is wrong, where that cannot be mended here. */
  readonly known?: string
}

/** One part of the run. */
export interface Part {
  readonly title: string
  /** Names in test/setup/debian-packages.txt without which it cannot run. nginx is not among them: it stands beside. */
  readonly needs: readonly string[]
  run(t: Teardown, sides: Sides): Promise<Row[]>
}

/** Where the proxies are. `start` gives a fresh pair in front of an upstream of the part's own, a port of 127.0.0.1. */
export interface Sides {
  start(t: Teardown, upstream: number): Promise<Side[]>
}

export interface Side extends Lane {
  readonly name: 'Gatehouse' | 'nginx'
}

interface Requirement {
  readonly section: string
  readonly says: string
  readonly known?: string
}

/** Judges every requirement at each side, and puts them side by side. One after the other, so that none disturbs. */
export async function judgeAll<T extends Requirement>(
  sides: readonly Side[],
  requirements: readonly T[],
  judge: (side: Side, requirement: T) => Promise<Judged>,
): Promise<Row[]> {
  const rows: Row[] = []
  for (const requirement of requirements) {
    const judged = await Promise.all(
      sides.map(async (side) => ({ name: side.name, judged: await judge(side, requirement) })),
    )
    const of = (name: Side['name']) => judged.find((each) => each.name === name)?.judged
    const ours = of('Gatehouse')
    if (ours === undefined) throw new Error('Gatehouse is not among the sides')
    const { section, says, known } = requirement
    rows.push({ section, says, ours, nginx: of('nginx'), known })
  }
  return rows
}
