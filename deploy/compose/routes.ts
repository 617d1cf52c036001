import { readFileSync, writeFileSync } from 'node:fs'
import { isMap, isSeq, parseDocument } from 'yaml'

/**
 * Writes a route table for containers: the one that comes with Gatehouse, and what internal.yaml has beyond it. Services are
 * in the network that is named, so leases may lie there.
 *
 *   node routes.ts ROUTES INTERNAL NETWORK TARGET
 */

const [from = '', internal = '', network = '', target = ''] = process.argv.slice(2)
const table = parseDocument(readFileSync(from, 'utf8'))
const more = parseDocument(readFileSync(internal, 'utf8'))

for (const key of ['listeners', 'upstreams', 'routes']) {
  const [here, there] = [table.get(key), more.get(key)]
  if (isMap(here) && isMap(there)) here.items.push(...there.items)
  else if (isSeq(here) && isSeq(there)) here.items.unshift(...there.items)
  else throw new Error(`${key} is not the same kind of thing in ${from} and ${internal}`)
}
const upstreams = table.get('upstreams')
if (isMap(upstreams))
  for (const { value } of upstreams.items)
    if (isMap(value) && value.get('leased') === true) value.set('networks', table.createNode([network], { flow: true }))

writeFileSync(target, table.toString({ lineWidth: 0 }), { flag: 'wx', mode: 0o644 })
