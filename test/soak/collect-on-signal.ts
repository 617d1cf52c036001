import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Loaded into each process of the proxy: SIGPWR, which nothing else uses, makes it collect all its garbage. */
setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void
process.on('SIGPWR', () => collect())
