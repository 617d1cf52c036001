import { resolve } from 'node:path'
import { createFollowers, type Followers } from '../admin/followers.ts'
import { createRegistration, type Registration } from '../admin/registration.ts'
import { createTokenGate } from '../admin/registration-token.ts'
import type { TargetReport } from '../admin/upstream-report.ts'
import type { LoadedConfig } from '../config/loaded.ts'
import { registrationFiles } from '../config/registration-files.ts'
import { openLogFile } from '../observability/log-file.ts'
import type { Logger } from '../observability/logger.ts'
import { forgetRoutes, setLeaseSource } from '../observability/metrics.ts'
import type { OwnAddresses } from '../upstreams/leases/allowed-address.ts'
import type { TargetNews } from '../upstreams/leases/news.ts'
import { showPlace } from '../upstreams/leases/place.ts'
import { createRegister, type Register, type RegisterEvent } from '../upstreams/leases/register.ts'
import { createSnapshot } from '../upstreams/leases/snapshot.ts'
import { toldOf } from '../upstreams/leases/standing.ts'

export interface RegistrarSettings {
  readonly config: LoadedConfig
  readonly log: Logger
  own(): OwnAddresses
  tell(news: TargetNews): void
  /** For followers that ask again and again. */
  reports(): Promise<readonly TargetReport[]>
  /** Tells the other proxies. */
  happened?(event: RegisterEvent): void
  isRevoked(token: string): boolean
}

/** The register with what surrounds it: the door for services, the audit log, the snapshot. */
export interface Registrar {
  readonly register: Register
  readonly registration: Registration
  readonly followers: Followers
  /** Leased upstreams with nobody there. Of keyed ones nobody is waited for. */
  waiting(): string[]
  configure(config: LoadedConfig): Promise<void>
  close(): Promise<void>
}

/** Answers when those are known again who were there before a restart. */
export async function openRegistrar(settings: RegistrarSettings): Promise<Registrar> {
  const { config, log, own, tell, isRevoked } = settings
  const { folder } = config
  let { upstreams } = config
  const audit = openLogFile(resolve(folder, registrationFiles.audit), {
    onFailure: (error) => log.error('the audit log cannot be written', { error }),
    onDropped: (lines) => log.error('lines of the audit log were dropped', { lines }),
  })
  const write = (entry: object): void =>
    audit.write(`${JSON.stringify({ ts: new Date().toISOString(), ...entry })}\n`)

  function changed(happened: RegisterEvent): void {
    const { event, lease, reason } = happened
    const { upstream, key, id, url, state, weight, by, via } = lease
    // What was said to another proxy stands in its log.
    if (via === undefined) write({ event, upstream, key, id, url, state, weight, token: by, reason })
    settings.happened?.(happened)
    snapshot.touch()
    if (upstreams[upstream]?.keyed || (event !== 'registered' && event !== 'ended' && event !== 'left'))
      return
    if (event === 'registered') log.info(`${showPlace(lease)} is there`, { url })
    else log.warn(`${showPlace(lease)} is gone`, { url, reason })
  }

  const register = createRegister({
    upstreams,
    folder,
    own,
    tell(news) {
      tell(news)
      followers.tell(news)
    },
    changed,
  })
  const followers = createFollowers({
    sequence: register.sequence,
    whole: () => Array.from(register.targets(), toldOf),
    reports: settings.reports,
  })
  const snapshot = createSnapshot({
    file: resolve(folder, registrationFiles.snapshot),
    leases: register.leases,
    failed: (sentence) => log.error(sentence),
  })
  const registration = createRegistration({
    register,
    judgeToken: createTokenGate({ folder, isRevoked, onTrouble: (sentence) => log.error(sentence) }),
    refused: ({ place, by, reason }) => write({ event: 'refused', ...place, token: by, reason }),
  })
  setLeaseSource(function* () {
    for (const { upstream, key, url, renewedAt, ttl, via } of register.leases())
      yield {
        service: upstream,
        url: key === undefined ? url : undefined,
        // Another proxy knows.
        expiresAt: via === undefined ? renewedAt + ttl : undefined,
      }
  })
  await register.restore(await snapshot.read())
  return {
    register,
    registration,
    followers,
    waiting() {
      const there = new Set<string>()
      for (const { place, answers } of register.targets()) if (answers) there.add(place.upstream)
      return Object.entries(upstreams).flatMap(([name, { leased, keyed }]) =>
        leased && !keyed && !there.has(name) ? [name] : [],
      )
    },
    async configure(next) {
      upstreams = next.upstreams
      await register.configure(upstreams)
      forgetRoutes(new Set(), new Set(Object.keys(upstreams)))
    },
    async close() {
      register.close()
      followers.close()
      await Promise.all([snapshot.close(), audit.close()])
    },
  }
}
