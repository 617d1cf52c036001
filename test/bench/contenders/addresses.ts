/** Hosts and paths of the measurements with many routes: ten paths to a host, as one has them. */
export interface RouteAddress {
  readonly host: string
  readonly path: string
}

export function routeAddresses(count: number): RouteAddress[] {
  return Array.from({ length: count }, (_, index) => ({
    host: `h${Math.floor(index / 10)}.bench.test`,
    path: `/part-${index % 10}`,
  }))
}

/** The same, host by host. */
export function pathsByHost(count: number): Map<string, string[]> {
  const hosts = new Map<string, string[]>()
  for (const { host, path } of routeAddresses(count)) hosts.set(host, [...(hosts.get(host) ?? []), path])
  return hosts
}
