import { request } from './request.ts'

/** Runs in a network namespace: makes the request of its argument, and writes the reply as JSON. */

const { address, ask } = JSON.parse(process.argv[2] ?? '{}')
const { body: _, ...reply } = await request(address, ask)
process.stdout.write(JSON.stringify(reply))
