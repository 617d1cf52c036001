import { Counter, Gauge, Histogram, Registry } from 'prom-client'

/**
 * How a service declares its metrics, each once, in its `metrics.ts`. A service is a process, so there is one registry,
 * and what counts need not be handed on.
 *
 * The values of a label are a closed list that the compiler knows: what a client sends is never one, or any client
 * could fill the memory. Gauges may have labels of the configuration. No label is a secret, or anybody's name.
 */
export const registry = new Registry()

/** What has been declared: for docs/reference.md. */
export const declared: Declaration[] = []

export interface Declaration {
  readonly name: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly help: string
  readonly labels: readonly string[]
}

/** Which values each label may have. An empty list of strings: those that stand in our code, as patterns of routes do. */
export type Lists = Readonly<Record<string, readonly string[]>>
export type Chosen<Labels extends Lists> = { readonly [Name in keyof Labels]: Labels[Name][number] }

/** Only grows, and is named `…_total`. Each of its series is there from the start, or nobody saw the first count happen. */
export function counter<const Labels extends Lists>(name: string, help: string, labels: Labels) {
  const labelNames = declare({ name, help, type: 'counter', labels: Object.keys(labels) })
  const metric = new Counter({ name, help, labelNames, registers: [registry] })
  for (const each of combinations(labels)) metric.inc(each, 0)
  return { add: (chosen: Chosen<Labels>, count = 1) => metric.inc({ ...chosen }, count) }
}

/** Of seconds. `buckets`: upper limits. */
export function histogram<const Labels extends Lists>(
  name: string,
  help: string,
  labels: Labels,
  buckets: readonly number[] = usualBuckets,
) {
  const labelNames = declare({ name, help, type: 'histogram', labels: Object.keys(labels) })
  const metric = new Histogram({ name, help, labelNames, buckets: [...buckets], registers: [registry] })
  for (const each of combinations(labels)) metric.zero(each)
  return { observe: (chosen: Chosen<Labels>, seconds: number) => metric.observe({ ...chosen }, seconds) }
}

export interface Sample {
  readonly labels?: Readonly<Record<string, string>>
  readonly value: number
}

/** What is so at this moment. It has no value until it is told how to read it. */
export interface ReadGauge {
  /** Called at each scrape. What it cannot say within a second, or rejects with, has no value this time. */
  read(how: () => number | readonly Sample[] | Promise<number | readonly Sample[]>): void
}

export function gauge(
  name: string,
  help: string,
  labels: readonly string[] = [],
  /** Its value where there is no answer. */
  otherwise?: number,
): ReadGauge {
  const labelNames = declare({ name, help, type: 'gauge', labels })
  let how: Parameters<ReadGauge['read']>[0] | undefined
  const metric: Gauge = new Gauge({
    name,
    help,
    labelNames,
    registers: [registry],
    async collect() {
      const read = how && (await soon(how, otherwise))
      metric.reset()
      // Without labels, `reset` leaves a zero, which is a lie where nothing is known.
      if (labels.length === 0) metric.remove()
      if (read === undefined) return
      if (typeof read === 'number') metric.set(read)
      else for (const each of read) metric.set({ ...each.labels }, each.value)
    },
  })
  return {
    read(given) {
      how = given
    },
  }
}

/** One value for each state: 0 where nothing was counted, so that its series does not come and go. */
export function byState(
  counts: Readonly<Record<string, number>> | null,
  states: readonly string[],
): Sample[] {
  return states.map((state) => ({ labels: { state }, value: counts?.[state] ?? 0 }))
}

/** Whether something can be reached: 1, or 0 where `ask` rejects or takes longer than a second. */
export function upGauge(name: string, help: string) {
  const { read } = gauge(name, help, [], 0)
  return {
    read(ask: () => boolean | Promise<unknown>) {
      read(async () => ((await ask()) === false ? 0 : 1))
    },
  }
}

/**
 * Asks once at a time, and at most once a second: several gauges share one question, whoever scrapes often asks the
 * database no more, and one that is away has one question waiting and not one for each scrape.
 */
export function rarely<Answer>(ask: () => Promise<Answer>): () => Promise<Answer> {
  let latest: { answer: Promise<Answer>; isPending: boolean; at: number } | undefined
  return () => {
    if (latest && (latest.isPending || performance.now() - latest.at < keepFor)) return latest.answer
    const now = { answer: ask(), isPending: true, at: performance.now() }
    const end = () => {
      now.isPending = false
      now.at = performance.now()
    }
    now.answer.then(end, end)
    latest = now
    return now.answer
  }
}

// --- internal ---

/** Milliseconds. A scrape waits no longer than this, whatever is away. */
const patience = 1_000
const keepFor = 1_000

/** Seconds. Those of the proxy, so that both can be laid over each other, and longer ones: services have slow work. */
const usualBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.3, 0.5, 1.2, 2.5, 5, 10, 30, 60, 120]

function declare(declaration: Declaration): string[] {
  declared.push(declaration)
  return [...declaration.labels]
}

function combinations(labels: Lists): Record<string, string>[] {
  return Object.entries(labels).reduce<Record<string, string>[]>(
    (all, [name, values]) => all.flatMap((each) => values.map((value) => ({ ...each, [name]: value }))),
    [{}],
  )
}

async function soon<Answer, Late>(ask: () => Answer | Promise<Answer>, late: Late): Promise<Answer | Late> {
  let timer: NodeJS.Timeout | undefined
  const limit = new Promise<Late>((resolve) => {
    timer = setTimeout(resolve, patience, late)
  })
  try {
    return await Promise.race([ask(), limit])
  } catch {
    return late
  } finally {
    clearTimeout(timer)
  }
}
