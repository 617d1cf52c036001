import { compareAll } from '../differential/comparison.ts'
import type { Outcome } from '../differential/outcome.ts'
import { brokenPromises } from '../differential/promises.ts'
import { type Question, rawQuestions } from '../differential/question.ts'
import { needs } from '../harness/parts.ts'
import type { Judged, Part } from './row.ts'

/**
 * The requests of test/differential, group by group. nginx is measured by the same promises, some of which are
 * ours alone: what is doubtful does not pass. So where it breaks one, that is no more than tolerable.
 */
export const corpus: Part = {
  title: 'HTTP/1.1 requests (RFC 9110, 9112)',
  needs: [],
  async run(t) {
    const { rows } = await compareAll(t, rawQuestions(), needs('nginx').skip ? [] : ['nginx'])
    const groups = Map.groupBy(rows, ({ question }) => question.name.slice(0, question.name.indexOf('/')))
    return [...groups].map(([group, members]) => {
      const theirs = members.flatMap(({ question, peers }) =>
        peers.map(({ outcome }) => brokenBy(question, outcome)),
      )
      const broken = members.filter((row) => row.broken.length > 0).length
      return {
        section: group,
        says: `${members.length} requests`,
        ours: { grade: broken === 0 ? 'right' : 'wrong', seen: `${broken} broken promises` } satisfies Judged,
        nginx:
          theirs.length === 0
            ? undefined
            : ({
                grade: theirs.some(Boolean) ? 'tolerable' : 'right',
                seen: `${theirs.filter(Boolean).length} broken promises`,
              } satisfies Judged),
      }
    })
  },
}

function brokenBy(question: Question, outcome: Outcome): boolean {
  return brokenPromises(question, outcome).length > 0
}
