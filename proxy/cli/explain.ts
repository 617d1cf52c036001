import { loadConfig } from '../config/load.ts'
import { formatProblem } from '../config/problem.ts'
import { explanation, isServed } from '../rehearsal/explanation.ts'
import { buildOffline } from '../rehearsal/offline.ts'
import { incomingOf, type SampleRequest } from '../rehearsal/sample-request.ts'
import type { Incoming } from '../request/accept/incoming.ts'
import { rehearse } from '../request/rehearsal.ts'
import { explainText } from './explain-text.ts'

export interface ExplainArguments extends SampleRequest {
  readonly file: string
  readonly json: boolean
}

export interface CommandOutput {
  out(text: string): void
  err(text: string): void
  colour: boolean
}

/**
 * `gatehouse explain`: which route wins and why, every policy's verdict in order, where the request would go
 * and what would be sent. Exit code 0 if it would pass, 1 if it would be refused, 2 if it cannot be asked.
 */
export async function runExplain(args: ExplainArguments, output: CommandOutput): Promise<number> {
  const loaded = await loadConfig({ file: args.file })
  if (!loaded.ok) {
    for (const problem of loaded.problems) output.err(formatProblem(problem))
    return 2
  }
  let incoming: Incoming
  try {
    incoming = incomingOf(args, loaded.config)
  } catch (error) {
    output.err((error as Error).message)
    return 2
  }
  const gatehouse = buildOffline(loaded.config, (message) => output.err(message))
  try {
    const rehearsal = await rehearse(incoming, gatehouse.state)
    output.out(
      args.json
        ? JSON.stringify(explanation(rehearsal), null, 2)
        : explainText(rehearsal, args, output.colour),
    )
    return isServed(rehearsal) ? 0 : 1
  } finally {
    await gatehouse.close()
  }
}
