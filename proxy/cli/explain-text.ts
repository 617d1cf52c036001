import { styleText } from 'node:util'
import { errors } from '../errors.ts'
import {
  destinationText,
  isUnmatchedServed,
  redirectOf,
  statusOf,
  withoutCredentials,
} from '../rehearsal/explanation.ts'
import type { SampleRequest } from '../rehearsal/sample-request.ts'
import type { Rehearsal } from '../request/rehearsal.ts'

/** An explanation for a person: route, near misses, policies, and what would be sent. */
export function explainText(rehearsal: Rehearsal, args: SampleRequest, colour: boolean): string {
  const style = (format: Parameters<typeof styleText>[0], text: string): string =>
    colour ? styleText(format, text) : text
  const { unreadable, facts, route, decision, sent } = rehearsal
  const lines: string[] = [`${style('bold', `${args.method.toUpperCase()} ${args.url}`)} from ${args.from}`]
  if (unreadable) {
    lines.push(
      '',
      `${style('red', String(errors[unreadable.code].status))} ${unreadable.code}: ${unreadable.message}`,
    )
    return lines.join('\n')
  }
  if (facts)
    lines.push(
      `  read as   ${facts.method} ${facts.host}${facts.path}${facts.query} on ${facts.listener}, client ${facts.client.text}`,
    )
  if (rehearsal.ambiguous)
    lines.push(`  ${style('red', '400')}       readers of this path would disagree about its route`)
  else if (route) lines.push(`  route     ${style('bold', route.name)}  ${route.rule}`)
  else if (isUnmatchedServed(rehearsal)) lines.push('  route     none fits, so its listener answers')
  else lines.push(`  ${style('red', '404')}       no route fits`)
  for (const [name, value] of Object.entries(facts?.params ?? {}))
    lines.push(`            :${name} = ${value}`)
  for (const { route: other, reason } of rehearsal.nearMisses)
    lines.push(style('dim', `  not       ${other.name}  ${other.rule}: ${reason}`))
  if (rehearsal.trace.length > 0) lines.push('', 'Policies, in the order in which they are asked')
  for (const { policy, mode, verdict, reason } of rehearsal.trace) {
    const colourOf = verdict === 'pass' ? 'green' : verdict === 'not asked' ? 'dim' : 'red'
    const observed = mode === 'observe' && verdict !== 'pass' ? ' (observed: it passes all the same)' : ''
    lines.push(
      `  ${policy.padEnd(16)}${style(colourOf, verdict)}${reason === undefined ? '' : `  ${reason}`}${observed}`,
    )
  }
  lines.push('')
  const status = statusOf(rehearsal)
  if (decision?.outcome === 'deny')
    lines.push(
      `Answer: ${style('red', String(status))} ${decision.code} by ${decision.policy}: ${errors[decision.code].text}`,
    )
  else if (decision?.outcome === 'answer')
    lines.push(`Answer: ${status} by ${decision.policy}: ${decision.reason}`)
  else if (route)
    lines.push(`Goes to: ${destinationText(route)}${status === undefined ? '' : ` (${status})`}`)
  else if (rehearsal.unmatched?.kind === 'redirect')
    lines.push(`Answer: ${status} to ${redirectOf(rehearsal)}`)
  else if (rehearsal.unmatched?.kind === 'challenge')
    lines.push(`Goes to: files in ${rehearsal.unmatched.folders.map(({ root }) => root).join(', or ')}`)
  if (decision?.outcome === 'pass' && sent) {
    lines.push('', 'Sent', `  ${sent.method} ${sent.path} HTTP/1.1`)
    const headers = withoutCredentials(sent.headers)
    for (let i = 0; i < headers.length; i += 2) lines.push(`  ${headers[i]}: ${headers[i + 1]}`)
  }
  return lines.join('\n')
}
