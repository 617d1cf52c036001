import type { Teardown } from '../harness/teardown.ts'
import { type Contender, startGatehouse, startHaproxy, startNginx } from './contenders.ts'
import { type Difference, differenceBetween } from './difference.ts'
import { type Explanation, explain } from './explanations/index.ts'
import { describe, type Outcome, type Patience } from './outcome.ts'
import { brokenPromises, type DecisionOf, watchDecisions } from './promises.ts'
import type { Question } from './question.ts'
import { type RecordedLane, type Recorder, startRecorder } from './recorder.ts'

export type PeerName = 'nginx' | 'HAProxy'

/** Versions that the explanations were written for. */
export const knownPeers: Readonly<Record<PeerName, RegExp>> = { nginx: /^1\.22\./, HAProxy: /^2\.6\./ }

export interface Compared {
  readonly question: Question
  readonly ours: Outcome
  /** Promises that Gatehouse broke, in words. */
  readonly broken: readonly string[]
  readonly peers: readonly ComparedPeer[]
}

export interface ComparedPeer {
  readonly name: PeerName
  readonly outcome: Outcome
  readonly difference: Difference | undefined
  readonly explanation: Explanation | undefined
}

export interface Comparison {
  readonly rows: readonly Compared[]
  readonly versions: ReadonlyMap<PeerName, string>
}

/** Ways through each proxy that are used at the same time. */
const laneCount = 8
const patience: Patience = { idle: 120, silence: 500 }
/** For what differs without an explanation: a busy machine may have been slow. */
const longPatience: Patience = { idle: 800, silence: 2500 }

/** Asks Gatehouse and those peers every question. */
export async function compareAll(
  t: Teardown,
  questions: readonly Question[],
  peers: readonly PeerName[],
): Promise<Comparison> {
  const ours = await behind(t, startGatehouse)
  const theirs = await Promise.all(
    peers.map((name) => behind(t, name === 'nginx' ? startNginx : startHaproxy)),
  )
  if (ours.gatehouse === undefined) throw new Error('Gatehouse does not run in this process')
  const recorders = ours.lanes.map(({ recorder }) => recorder)
  const contest: Contest = { ours, theirs, decisionOf: watchDecisions(recorders, ours.gatehouse) }
  const rows: Compared[] = []
  const left = questions.map((each, at) => ({ each, at }))
  const walk = async (lane: number): Promise<void> => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) {
      const row = await compare(contest, lane, next.each, patience)
      rows[next.at] = isClear(row) ? row : await compare(contest, lane, next.each, longPatience, row.broken)
    }
  }
  await Promise.all(Array.from({ length: laneCount }, (_, lane) => walk(lane)))
  return { rows, versions: new Map(theirs.map(({ name, version }) => [name as PeerName, version])) }
}

interface Recorded extends Contender {
  readonly lanes: readonly RecordedLane[]
}

/** Starts a contender in front of recorders of its own. */
async function behind(
  t: Teardown,
  start: (t: Teardown, upstreams: readonly number[]) => Promise<Contender>,
): Promise<Recorded> {
  const recorders: Recorder[] = []
  while (recorders.length < laneCount) recorders.push(await startRecorder(t))
  const contender = await start(
    t,
    recorders.map(({ port }) => port),
  )
  const lanes = contender.lanes.map((lane, at) => ({ ...lane, recorder: recorders[at] as Recorder }))
  return { ...contender, lanes }
}

interface Contest {
  readonly ours: Recorded
  readonly theirs: readonly Recorded[]
  readonly decisionOf: DecisionOf
}

/** Promises that were broken before stay broken: what happens now and then is no better. */
async function compare(
  { ours, theirs, decisionOf }: Contest,
  lane: number,
  each: Question,
  patience: Patience,
  brokenBefore: readonly string[] = [],
): Promise<Compared> {
  const [own, ...others] = await Promise.all(
    [ours, ...theirs].map(({ lanes }) => {
      const way = lanes[lane]
      if (way === undefined) throw new Error(`There is no lane ${lane}`)
      return each.ask(way, patience)
    }),
  )
  if (own === undefined) throw new Error('Nothing was tried')
  const peers = others.map((outcome, at): ComparedPeer => {
    const difference = differenceBetween(own, outcome)
    const explanation = difference && explain(difference, each.name)
    return { name: theirs[at]?.name as PeerName, outcome, difference, explanation }
  })
  const broken = [...brokenBefore, ...brokenPromises(each, own, decisionOf)]
  return { question: each, ours: own, broken: [...new Set(broken)], peers }
}

function isClear({ broken, peers }: Compared): boolean {
  return broken.length === 0 && peers.every(isExplained)
}

export function isExplained({ difference, explanation }: ComparedPeer): boolean {
  return difference === undefined || explanation !== undefined
}

/** Both sides of a difference, for whoever has to explain it. */
export function showBothSides(row: Compared, { name, outcome, difference }: ComparedPeer): string {
  return [
    `${row.question.name} (${row.question.says}): ${difference}`,
    `  sent       ${row.question.shown}`,
    `  Gatehouse  ${describe(row.ours)}`,
    `  ${name.padEnd(9)}  ${describe(outcome)}`,
  ].join('\n')
}
