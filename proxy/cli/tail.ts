import { styleText } from 'node:util'
import { readFilter } from '../observability/exchange-filter.ts'
import type { FollowedExchange } from '../observability/followed-exchanges.ts'
import type { CommandOutput } from './explain.ts'
import { followDashboard } from './follow-dashboard.ts'
import { showDuration } from './top-text.ts'

export interface TailArguments {
  readonly route?: string
  /** `404` or `5xx`. */
  readonly status?: string
  /** An address, or a network. */
  readonly from?: string
  readonly file: string
  /** Default: what routes.yaml says. */
  readonly admin?: string
  readonly json: boolean
}

/**
 * `gatehouse tail`: exchanges of the running Gatehouse as they end, a line each, until it is stopped. Exit code 2 if
 * nobody could be asked; a reader that goes away ends it with 0.
 */
export async function runTail(args: TailArguments, io: CommandOutput): Promise<number> {
  const { route, status, from, file, admin, json } = args
  try {
    const filter = readFilter({ route, status, from })
    const given = Object.entries(filter).filter((entry): entry is [string, string] => entry[1] !== undefined)
    const query = new URLSearchParams([['follow', '1'], ...given]).toString()
    const lost = (why: string): void => io.err(`gatehouse tail: ${why}; trying again`)
    const found = (): void => io.err('gatehouse tail: it is there again')
    for await (const { event, data } of followDashboard({ file, admin, query, lost, found })) {
      if (event !== 'exchanges') continue
      const { exchanges, missed } = data as { exchanges: FollowedExchange[]; missed: number }
      for (const exchange of exchanges) io.out(json ? JSON.stringify(exchange) : lineOf(exchange, io.colour))
      if (missed > 0)
        io.err(`gatehouse tail: ${missed} more in that second; a filter shows all of what fits it`)
    }
    return 0
  } catch (error) {
    io.err(`gatehouse tail: ${(error as Error).message}`)
    return 2
  }
}

// --- internal ---

function lineOf(exchange: FollowedExchange, colour: boolean): string {
  const { request, status, client, route, upstream, policy, error, reason, observed = [] } = exchange
  const paint = (format: 'green' | 'yellow' | 'red' | 'dim', text: string): string =>
    colour ? styleText(format, text) : text
  const hue = status >= 500 || status === 0 ? 'red' : status >= 400 ? 'yellow' : 'green'
  const time = new Date(exchange.at).toISOString().slice(11, 23)
  const asked = request ? `${request.method} ${request.host}${request.path}` : 'no request'
  const words = [
    paint('dim', time),
    paint(hue, String(status || 'gone').padEnd(4)),
    showDuration(exchange.duration).padStart(8),
    client,
    asked,
    paint('dim', `${route ?? 'no route'}${upstream === undefined ? '' : ` → ${upstream}`}`),
  ]
  if (policy !== undefined) words.push(paint(hue, `refused by ${policy}: ${reason ?? error}`))
  else if (error !== undefined) words.push(paint(hue, `${error}${reason === undefined ? '' : `: ${reason}`}`))
  for (const would of observed) words.push(paint('yellow', `${would.policy} would refuse: ${would.reason}`))
  return words.join('  ')
}
