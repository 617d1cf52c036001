import { runFuzz } from './fuzz.ts'

/** `make fuzz`: ten minutes, or `MINUTES`; `SEED` and `FIRST` make a run again. */

const seed = Number(process.env.SEED) || Date.now() % 2 ** 31
const first = Number(process.env.FIRST) || 0
const minutes = Number(process.env.MINUTES) || 10
console.log(`Seed ${seed}, from attack ${first}, for ${minutes} minutes`)
let told = 0
const { attacks, canaries, growth } = await runFuzz({
  seed,
  first,
  duration: minutes * 60_000,
  progress(count, served) {
    if (count - told < 10_000) return
    told = count
    console.log(`${count} attacks, ${served} times all honest clients`)
  },
})
console.log(
  `${attacks} attacks, ${canaries} times all honest clients, memory ${Math.round(growth / 1e6)} MB more`,
)
