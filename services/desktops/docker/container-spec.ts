import type { ContainerCreateOptions } from 'dockerode'
import type { Kind } from '../catalogue.ts'

export interface ContainerFacts {
  readonly name: string
  readonly kind: Kind
  /** Which service, which desktop, and on which of the hosts it believes that to be. */
  readonly labels: Readonly<Record<string, string>>
  readonly network: string
  readonly address: string
  readonly hostPort: number
  readonly password: string
  /** The volume of each of the kind's folders. */
  readonly volumes: readonly string[]
}

/**
 * What Docker is asked to create. Whoever sits in front of a desktop runs what he likes in it, so it gets nothing that
 * it does not need: no capability, no way to a new privilege, no more memory, processes or cpu than its kind says, no
 * folder of the host, and a port that only the host itself reaches.
 */
export function containerSpec(facts: ContainerFacts): ContainerCreateOptions {
  const { name, kind, labels, network, address, hostPort, password, volumes } = facts
  const environment = {
    ...kind.environment,
    ...(kind.credentials && { [kind.credentials.variable]: password }),
  }
  const port = `${kind.port}/tcp`
  return {
    name,
    Image: kind.image,
    Hostname: 'desktop',
    Env: Object.entries(environment).map(([variable, value]) => `${variable}=${value}`),
    Labels: { ...labels },
    ExposedPorts: { [port]: {} },
    HostConfig: {
      NetworkMode: network,
      PortBindings: { [port]: [{ HostIp: address, HostPort: String(hostPort) }] },
      // The service starts it again; two who do would start it twice.
      RestartPolicy: { Name: 'no' },
      Init: true,
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges:true'],
      PidsLimit: kind.processes,
      Memory: kind.memory,
      // As much with swap as without: none.
      MemorySwap: kind.memory,
      NanoCpus: Math.round(kind.cpus * 1e9),
      ShmSize: kind.shm,
      Mounts: volumes.map((source, index) => ({
        Type: 'volume',
        Source: source,
        Target: kind.volumes[index] as string,
      })),
      // What it says must not fill the disk.
      LogConfig: { Type: 'json-file', Config: { 'max-size': '1m', 'max-file': '2' } },
    },
  }
}
