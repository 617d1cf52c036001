import { redactUrl } from '../../observability/redaction.ts'
import type { Exchange } from '../exchange.ts'
import type { Facts } from '../facts.ts'
import type { HeaderEntry } from '../policies/policy.ts'
import { openFile } from './files.ts'
import { refuse, respond, respondWithStream } from './respond.ts'

/**
 * A folder to serve. `index` stands for a folder; `spa` answers navigations to what is no file with it; `only` answers
 * every path with it, where a route serves one file.
 */
export interface Folder {
  readonly root: string
  readonly index: string
  readonly spa: boolean
  readonly only?: boolean
}

/** Said with `method_not_allowed`, which every other method gets (RFC 9110 §15.5.6). */
export const methodsOfFiles: readonly HeaderEntry[] = [['allow', 'GET, HEAD']]

/** Answers an exchange with a file of the first folder that has it, the matched prefix removed from its path. */
export async function serveFile(
  exchange: Exchange,
  [folder, ...others]: readonly Folder[],
  facts: Facts,
): Promise<void> {
  if (folder === undefined) return refuse(exchange, 'file_not_found')
  const answer = await openFile({
    ...folder,
    path: folder.only ? `/${encodeURIComponent(folder.index)}` : facts.path.slice(exchange.prefix.length),
    externalPath: facts.path,
    query: facts.query,
    method: facts.method,
    headers: facts.headers,
  })
  if (answer === 'file_not_found' && others.length > 0) return serveFile(exchange, others, facts)
  if (typeof answer === 'string') {
    const responseHeaders = answer === 'method_not_allowed' ? methodsOfFiles : undefined
    return refuse(exchange, answer, { reason: `${redactUrl(facts.path)} in ${folder.root}`, responseHeaders })
  }
  const head = { status: answer.status, headers: { ...answer.headers } }
  if (answer.stream === undefined) return respond(exchange, head)
  if (exchange.finished) return void answer.stream.destroy()
  respondWithStream(exchange, head, answer.stream)
}
