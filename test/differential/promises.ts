import type { Gatehouse } from '../../proxy/gatehouse.ts'
import type { Outcome } from './outcome.ts'
import type { Question } from './question.ts'
import type { Arrived, Recorder } from './recorder.ts'

/** What the proxy had decided about a request at the moment when its upstream got it. */
interface Decided {
  readonly method: string
  readonly target: string
  readonly host: string
  readonly route: string
}
export type DecisionOf = (arrived: Arrived) => Decided | undefined

/** Writes down what Gatehouse has decided about each request that arrives, by the id that it gave it. */
export function watchDecisions(recorders: readonly Recorder[], gatehouse: Gatehouse): DecisionOf {
  const decisions = new WeakMap<Arrived, Decided>()
  for (const recorder of recorders) {
    recorder.onHead = (arrived) => {
      const id = fieldOf(arrived, 'x-request-id')
      for (const { id: known, facts, route } of gatehouse.inFlight)
        if (known === id && facts !== undefined)
          decisions.set(arrived, {
            method: facts.method,
            target: facts.path + facts.query,
            host: facts.authority,
            route: route ?? '',
          })
    }
  }
  return (arrived) => decisions.get(arrived)
}

/**
 * Promises that hold for every case, whatever others do. Answers the broken ones, in words:
 * what is one request arrives as one at most; what arrives is what was decided on, and is not what is closed;
 * answers come in the order of their requests; the next client is served. Of others than Gatehouse no decision is
 * known.
 */
export function brokenPromises(each: Question, outcome: Outcome, decisionOf?: DecisionOf): string[] {
  const broken: string[] = []
  const { arrived, answers, next } = outcome
  if (arrived.length > each.requests)
    broken.push(`${arrived.length} requests reached the upstream, and there are ${each.requests} in it`)
  for (const request of arrived) {
    if (request.method === '?') broken.push(`the upstream could not read ${JSON.stringify(request.head)}`)
    if (readings(request.target).some((path) => /^\/closed(\/|$)/.test(path)))
      broken.push(`${request.target} reads as /closed`)
    if (each.absent?.test(request.head)) broken.push(`the upstream got ${JSON.stringify(request.head)}`)
    const decided = decisionOf?.(request)
    // A client that was cut off has left before its request is seen.
    if (decisionOf && decided === undefined && request.whole && outcome.statuses.length > 0)
      broken.push(`nobody decided on ${request.target}`)
    if (decided !== undefined) broken.push(...deviations(request, decided))
  }
  const expected = arrived.filter(({ method, whole, tunnel }) => whole && method !== 'HEAD' && tunnel === '')
  answers.forEach((answer, at) => {
    if (answer !== expected[at]?.number) broken.push(`answer ${at + 1} is that of another request`)
  })
  if (next !== undefined) broken.push(`the next client: ${next}`)
  return broken
}

function deviations(request: Arrived, { method, target, host, route }: Decided): string[] {
  const found: string[] = []
  if (request.method !== method) found.push(`${method} was decided on, ${request.method} arrived`)
  if (request.target !== target) found.push(`${target} was decided on, ${request.target} arrived`)
  if (host !== '' && fieldOf(request, 'host') !== host)
    found.push(`${host} was decided on, ${fieldOf(request, 'host')} arrived`)
  if (!route.startsWith('open')) found.push(`it arrived by route ${route}`)
  return found
}

function fieldOf({ head }: Arrived, name: string): string | undefined {
  return new RegExp(`\r\n${name}: *([^\r\n]*)`, 'i').exec(head)?.[1]
}

/** A path as upstreams of many kinds may read it: decoded again and again, cut, folded, resolved. */
export function readings(target: string): string[] {
  const [path = ''] = target.split('?')
  const found = new Set<string>([path])
  const readers = [
    decode,
    (text: string) => text.replaceAll('\\', '/'),
    (text: string) => text.normalize('NFKC'),
  ]
  readers.push(
    (text) => text.replace(/;[^/]*/g, ''),
    (text) => text.replace(/\0.*/s, ''),
    resolve,
  )
  for (let round = 0; round < 4; round++)
    for (const known of [...found]) for (const read of readers) found.add(read(known))
  return [...found]
}

function decode(text: string): string {
  const bytes = text.replace(/%([0-9A-Fa-f]{2})/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)))
  return Buffer.from(bytes, 'latin1').toString().includes('\ufffd')
    ? bytes
    : Buffer.from(bytes, 'latin1').toString()
}

function resolve(path: string): string {
  const segments: string[] = []
  for (const segment of path.replace(/^https?:\/\/[^/]*/, '').split('/'))
    if (segment === '..') segments.pop()
    else if (segment !== '.' && segment !== '') segments.push(segment)
  return `/${segments.join('/')}`
}
