import { needs } from '../harness/parts.ts'
import { faults } from './faults/index.ts'
import { runTrial } from './trial.ts'

const only = process.argv.slice(2)
for (const fault of faults) {
  if (only.length > 0 && !only.includes(fault.alert) && !only.includes(fault.name)) continue
  const { skip } = needs('prometheus', ...(fault.needs ?? []))
  if (skip) {
    console.log(fault.name, skip)
    continue
  }
  try {
    const { fault: _, ...trial } = await runTrial(fault)
    console.log(fault.name, fault.alert, JSON.stringify(trial))
  } catch (error) {
    console.log(fault.name, error)
  }
}
process.exit()
