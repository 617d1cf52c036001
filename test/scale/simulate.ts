import { type FleetShape, type Load, playTraffic } from './traffic.ts'

/** `make scale`: what the traffic of leases and limits comes to in fleets of 3, 30 and 300 proxies. */

const hour = 3_600_000
const fleets: FleetShape[] = [
  { proxies: 3, leases: 300, life: 24 * hour, uptime: 24 * hour, counts: 200 },
  { proxies: 30, leases: 10_000, life: 4 * hour, uptime: 24 * hour, counts: 500 },
  { proxies: 300, leases: 100_000, life: 4 * hour, uptime: 24 * hour, counts: 500 },
]

const show = ({ mean, most }: Load, unit = 1): string =>
  `${Math.round(mean / unit).toLocaleString('en')} / ${Math.round(most / unit).toLocaleString('en')}`

console.log('| proxies | leases | commands/s | counts/s | deliveries/s | MB/s out of Redis | lists/s |')
console.log('|--:|--:|--:|--:|--:|--:|--:|')
for (const fleet of fleets) {
  const { commands, counts, deliveries, bytes, lists } = playTraffic(fleet, 600, 1)
  const row = [
    fleet.proxies,
    fleet.leases.toLocaleString('en'),
    show(commands),
    show(counts),
    show(deliveries),
  ]
  console.log(`| ${[...row, show(bytes, 1_000_000), show(lists)].join(' | ')} |`)
}
console.log(
  'Mean / worst second of ten minutes, in which Redis is away for ten seconds and comes back empty.',
)
