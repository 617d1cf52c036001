import { startRecorder } from '../../differential/recorder.ts'
import { connectFrames } from '../../harness/http2-frames.ts'
import { withTeardown } from '../../harness/with-teardown.ts'
import { type Judged, judgeAll, type Part, type Side } from '../row.ts'
import { frameRules } from './frame-rules.ts'
import { judgeRule } from './rule.ts'
import { scripts } from './scripts.ts'

/** HTTP/2, frame by frame. */
export const http2: Part = {
  title: 'HTTP/2 frames (RFC 9113)',
  needs: [],
  async run(t, { start }) {
    const { port } = await startRecorder(t)
    const sides = await start(t, port)
    const judge = (side: Side, silent: boolean, act: (connection: Connection) => Promise<Judged>) =>
      withTeardown(async (inner) => act(await connectFrames(inner, side.secure, { silent })))
    const rules = await judgeAll(sides, frameRules, (side, rule) =>
      judge(side, false, (connection) => judgeRule(connection, rule)),
    )
    const played = await judgeAll(sides, scripts, (side, { silent = false, play }) =>
      judge(side, silent, async (connection) => {
        const fault = await play(connection).catch((error: Error) => error.message.slice(0, 60))
        return { grade: fault === undefined ? 'right' : 'wrong', seen: fault ?? 'as it says' }
      }),
    )
    return [...played, ...rules].sort((a, b) => a.section.localeCompare(b.section, 'en', { numeric: true }))
  },
}

type Connection = Awaited<ReturnType<typeof connectFrames>>
