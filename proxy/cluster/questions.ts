import type { AnswerMessage, QuestionMessage, Questions } from './messages.ts'

/** Questions to the process at the other end of a channel, each with a time limit for its answer. */
export interface Asker {
  /** Rejects with one sentence if the other side failed, ended, or did not answer in that many milliseconds. */
  ask<About extends keyof Questions>(
    about: About,
    ask: Questions[About]['ask'],
    timeLimit: number,
  ): Promise<Questions[About]['answer']>
  answered(message: AnswerMessage): void
  /** The other side has ended: whoever still waits for it is told. */
  ended(why: string): void
}

export function createAsker(send: (message: QuestionMessage) => void): Asker {
  const waiting = new Map<number, { resolve(answer: unknown): void; reject(error: Error): void }>()
  let nextId = 1
  let endedBecause: string | undefined
  return {
    ask(about, ask, timeLimit) {
      const id = nextId++
      return new Promise((resolve, reject) => {
        if (endedBecause !== undefined) return reject(new Error(endedBecause))
        const timer = setTimeout(
          () => settle(() => reject(new Error(`no answer about ${about} in ${timeLimit} ms`))),
          timeLimit,
        )
        const settle = (done: () => void): void => {
          clearTimeout(timer)
          waiting.delete(id)
          done()
        }
        waiting.set(id, {
          resolve: (answer) => settle(() => resolve(answer as never)),
          reject: (error) => settle(() => reject(error)),
        })
        send({ kind: 'question', id, about, ask } as QuestionMessage)
      })
    },
    answered({ id, answer, failure }) {
      const asked = waiting.get(id)
      if (failure === undefined) asked?.resolve(answer)
      else asked?.reject(new Error(failure))
    },
    ended(why) {
      endedBecause = why
      for (const asked of [...waiting.values()]) asked.reject(new Error(why))
    },
  }
}

/** One function for each question. What it throws becomes the failure that the asker is told. */
export type Answers = {
  [About in keyof Questions]: (
    ask: Questions[About]['ask'],
  ) => Questions[About]['answer'] | Promise<Questions[About]['answer']>
}

export async function answerQuestion(answers: Answers, message: QuestionMessage): Promise<AnswerMessage> {
  const { id, about, ask } = message
  try {
    // `about` picks the function and the type of `ask` together; the compiler sees the two apart.
    const answer = await (answers[about] as (ask: unknown) => unknown)(ask)
    return { kind: 'answer', id, answer }
  } catch (error) {
    return { kind: 'answer', id, failure: error instanceof Error ? error.message : String(error) }
  }
}
