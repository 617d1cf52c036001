import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Clock, createWaitingLine, type WaitingLine } from './waiting-line.ts'

/** Time that goes on when told to, and turns of the event loop by hand. */
function handClock(): Clock & { at: number; tick(): void; turn(): Promise<void> } {
  let next: (() => void) | undefined
  let ticking = (): void => {}
  return {
    at: 0,
    now() {
      return this.at
    },
    every(_milliseconds, tick) {
      ticking = tick
      return { close: () => (ticking = () => {}) }
    },
    soon(soon) {
      next = soon
    },
    tick: () => ticking(),
    async turn() {
      const due = next
      next = undefined
      await due?.()
    },
  }
}

const limit = 200

function lineOf(most = limit): { clock: ReturnType<typeof handClock>; line: WaitingLine } {
  const clock = handClock()
  return { clock, line: createWaitingLine(() => most, clock) }
}

/** Requests that cost so many milliseconds each, read at the same moment. What became of them, in order. */
function crowd({ clock, line }: ReturnType<typeof lineOf>, size: number, cost: number): string[] {
  const became: string[] = []
  for (let i = 0; i < size; i++) {
    const begin = (inTime: boolean): void => {
      became.push(inTime ? 'begun' : 'refused')
      if (inTime) clock.at += cost
    }
    const turn = line.join(clock.at)
    if (turn === undefined) begin(true)
    else void turn.then(begin)
  }
  return became
}

async function untilEmpty(
  { clock }: ReturnType<typeof lineOf>,
  became: string[],
  size: number,
): Promise<void> {
  for (let i = 0; i < 1000 && became.length < size; i++) {
    clock.tick()
    await clock.turn()
  }
}

test('where the loop is on time nobody waits', () => {
  const { clock, line } = lineOf()
  clock.at = 20
  clock.tick()
  clock.at = 45
  assert.equal(line.join(clock.at), undefined)
  assert.equal(line.delay, 0)
})

test('in a late turn requests wait, and are begun in order and a few at a time', async () => {
  const scene = lineOf()
  scene.clock.at = 60
  const became = crowd(scene, 10, 4)
  assert.deepEqual(became, [])
  await scene.clock.turn()
  assert.deepEqual(became, ['begun'])
  await untilEmpty(scene, became, 10)
  assert.deepEqual(became, Array(10).fill('begun'))
})

test('who comes while others wait does not pass them, however fast the loop is by then', async () => {
  const { clock, line } = lineOf()
  clock.at = 60
  const order: string[] = []
  void line.join(clock.at)?.then(() => order.push('first'))
  clock.tick()
  const second = line.join(clock.at)
  assert.ok(second)
  void second.then(() => order.push('second'))
  await clock.turn()
  assert.deepEqual(order, ['first', 'second'])
  assert.equal(line.join(clock.at), undefined)
})

test('the line gets as much of a turn as all the rest took', async () => {
  const scene = lineOf()
  scene.clock.at = 60
  const became = crowd(scene, 100, 2)
  scene.clock.at += 40
  await scene.clock.turn()
  assert.equal(became.length, 20)
})

test('one pause refuses nobody, however long: what piled up is done in the time that the limit gives', async () => {
  const scene = lineOf()
  scene.clock.at = 3000
  const became = crowd(scene, 40, 4)
  await untilEmpty(scene, became, 40)
  assert.deepEqual(became, Array(40).fill('begun'))
})

test('what has waited longer than the limit is refused', async () => {
  const scene = lineOf()
  scene.clock.at = 60
  const became = crowd(scene, 100, 4)
  await untilEmpty(scene, became, 100)
  const begun = became.filter((each) => each === 'begun').length
  assert.ok(begun > 45 && begun < 55, `${begun} were begun in ${limit} ms`)
  assert.equal(became[99], 'refused')
})

test('in a line that does not end the limit is a quarter', async () => {
  const scene = lineOf()
  scene.clock.at = 60
  const first = crowd(scene, 60, 4)
  await untilEmpty(scene, first, 49)
  // It has stood for the limit now, and goes on.
  const second = crowd(scene, 60, 4)
  await untilEmpty(scene, second, 60)
  const begun = second.filter((each) => each === 'begun').length
  assert.ok(begun > 8 && begun < 16, `${begun} were begun in a quarter of ${limit} ms`)
})

test('once the line has been empty, the whole limit holds again', async () => {
  const scene = lineOf()
  scene.clock.at = 60
  const first = crowd(scene, 100, 4)
  await untilEmpty(scene, first, 100)
  scene.clock.at += 500
  const second = crowd(scene, 40, 4)
  await untilEmpty(scene, second, 40)
  assert.deepEqual(second, Array(40).fill('begun'))
})

test('a limit of 0 refuses nobody', async () => {
  const scene = lineOf(0)
  scene.clock.at = 60
  const became = crowd(scene, 500, 10)
  await untilEmpty(scene, became, 500)
  assert.deepEqual(became, Array(500).fill('begun'))
})

test('the delay is by how much the last tick was late', () => {
  const { clock, line } = lineOf()
  clock.at = 320
  clock.tick()
  assert.equal(line.delay, 300)
  clock.at = 340
  clock.tick()
  assert.equal(line.delay, 0)
})

test('on the clock of the process, a blocked loop makes a line, and it empties by itself', async (t) => {
  const line = createWaitingLine(() => 5000)
  t.after(() => line.close())
  assert.equal(line.join(performance.now()), undefined)
  const end = performance.now() + 60
  while (performance.now() < end);
  const turn = line.join(performance.now())
  assert.ok(turn)
  assert.equal(await turn, true)
})
