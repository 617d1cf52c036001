import type { Contender } from './contender.ts'

/** No proxy: the client asks the upstream. What remains is the cost of the measurement itself. */
export const direct: Contender = {
  name: 'direct',
  title: 'no proxy',
  version: () => 'no proxy',
  launch: () => ({ file: 'sleep', args: ['1d'] }),
}
