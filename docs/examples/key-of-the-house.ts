import { timingSafeEqual } from 'node:crypto'
import { definePolicy, deny, pass } from 'gatehouse'
import { z } from 'zod'

export default definePolicy({
  options: z.strictObject({
    header: z.string().default('X-House-Key').describe('The field that has to be there.'),
    key: z.string().min(16).describe('What it has to hold.'),
  }),
  create({ header, key }) {
    const name = header.toLowerCase()
    const wanted = Buffer.from(key)
    return {
      decide(facts) {
        const given = Buffer.from(facts.headers.get(name) ?? '')
        const right = given.length === wanted.length && timingSafeEqual(given, wanted)
        // The reason is for the log; the client reads only the text of the code.
        return right ? pass : deny('policy_denied', given.length === 0 ? 'no key' : 'a wrong key')
      },
    }
  },
})
