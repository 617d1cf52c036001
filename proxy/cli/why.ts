import { styleText } from 'node:util'
import { parseAddress } from '../address.ts'
import { upstreamStates } from '../config/route-tests.ts'
import type { RecentDecision } from '../observability/recent-decisions.ts'
import { shellWord } from '../rehearsal/shell-word.ts'
import { askAdmin } from './ask-admin.ts'
import type { CommandOutput } from './explain.ts'
import { mendOf } from './why-mend.ts'

export interface WhyArguments {
  readonly client?: string
  readonly refused: boolean
  readonly as?: 'curl' | 'test'
  readonly file: string
  /** Default: what routes.yaml says. */
  readonly admin?: string
  readonly json: boolean
}

/**
 * `gatehouse why ADDRESS`: the last decisions about a client, as the running Gatehouse remembers them. A device has no
 * screen: this is its screen. Exit code 0 if there are any, 1 if the client was not heard of, 2 if nobody could be asked.
 */
export async function runWhy(
  { client, refused, as, file, admin, json }: WhyArguments,
  io: CommandOutput,
): Promise<number> {
  if (client !== undefined && parseAddress(client) === undefined) {
    io.err(`gatehouse why: "${client}" is not an address; write one such as 203.0.113.7`)
    return 2
  }
  let decisions: readonly RecentDecision[]
  try {
    const query = client === undefined ? '' : `?client=${encodeURIComponent(client)}`
    const answer = await askAdmin<{ decisions: RecentDecision[] }>({ file, admin }, `/v1/decisions${query}`)
    decisions = answer.decisions.filter(({ decision }) => !refused || decision !== 'allow')
  } catch (error) {
    io.err(`gatehouse why: ${(error as Error).message}`)
    return 2
  }
  const [last] = decisions
  if (json)
    io.out(JSON.stringify({ decisions: decisions.map((each) => ({ ...each, mend: mendOf(each) })) }, null, 2))
  else if (last === undefined)
    io.out(`Nothing is remembered${client === undefined ? '' : ` of ${client}`}. ${unheard}`)
  else if (as === 'curl') io.out(asCurl(last))
  else if (as === 'test') io.out(asTest(last))
  else
    io.out(
      decisions
        .slice(0, mostShown)
        .map((each) => text(each, io.colour))
        .join('\n\n'),
    )
  return last === undefined ? 1 : 0
}

// --- internal ---

const mostShown = 20

const unheard =
  'Either it has not come since the last start, or its connection ends before it arrives here: a firewall, another port, another name.'

function text(decision: RecentDecision, colour: boolean): string {
  const style = (format: 'green' | 'red' | 'bold' | 'dim', words: string): string =>
    colour ? styleText(format, words) : words
  const { request, status, route, rule, policy, reason, error, upstream, observed, times } = decision
  const time = new Date(decision.at).toISOString().replace('T', ' ').slice(0, 19)
  const repeated = times > 1 ? `, ${times} times` : ''
  const asked = request
    ? `${request.upgrade ? 'WebSocket ' : ''}${request.method} ${addressOf(decision)}`
    : `no request (${error})`
  const lines = [
    `${time} UTC${repeated}  ${style('bold', asked)}  from ${decision.client} on ${decision.listener}`,
  ]
  const hue = decision.decision === 'allow' ? 'green' : 'red'
  const words =
    decision.decision === 'allow'
      ? `passed${upstream === undefined ? '' : ` to ${upstream}`}`
      : (error ?? 'refused')
  lines.push(
    `  ${style(hue, status === 0 ? words : `${status} ${words}`)}${policy === undefined ? '' : ` by ${policy}`}`,
  )
  if (route !== undefined) lines.push(`  route ${route}  ${rule}`)
  if (reason !== undefined) lines.push(`  ${reason}`)
  for (const would of observed ?? []) lines.push(`  ${would.policy} would have refused: ${would.reason}`)
  const mend = mendOf(decision)
  if (mend !== undefined) lines.push(`  → ${mend}`)
  if (decision.requestId !== undefined) lines.push(style('dim', `  request id ${decision.requestId}`))
  return lines.join('\n')
}

function addressOf({ request }: RecentDecision): string {
  if (request === undefined) return ''
  return `${request.secure ? 'https' : 'http'}://${request.host}${request.path}`
}

/** Secrets and bodies are not kept, so this is the request without them. */
function asCurl(decision: RecentDecision): string {
  const { request } = decision
  if (request === undefined) return '# it was no request'
  const method = request.method === 'GET' ? '' : ` -X ${shellWord(request.method)}`
  const http2 = request.protocol === 'HTTP/2.0' ? ' --http2' : ''
  return `curl -i${http2}${method} ${shellWord(addressOf(decision))}`
}

/** An entry for routes.test.yaml that holds what was decided. */
function asTest(decision: RecentDecision): string {
  const { request, status, route, policy, client, listener, error } = decision
  if (request === undefined) return '# it was no request'
  const [state] = Object.entries(upstreamStates).find(([, code]) => code === error) ?? []
  const expected = [`route: ${route ?? 'false'}`]
  if (decision.decision === 'allow') expected.push('passes: true')
  else expected.push(`status: ${status}`)
  if (policy !== undefined) expected.push(`refusedBy: ${policy}`)
  return [
    `  - request: ${JSON.stringify(`${request.method} ${addressOf(decision)}`)}`,
    `    from: "${client}"`,
    `    listener: ${listener}`,
    ...(request.upgrade ? ['    upgrade: true'] : []),
    ...(state === undefined ? [] : [`    upstream: ${state}`]),
    `    expect: { ${expected.join(', ')} }`,
  ].join('\n')
}
