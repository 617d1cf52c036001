import { useCallback, useEffect, useState } from 'react'
import { type AdminDesktop, type AuditEntry, api, type Me, type Orphan } from './api.ts'
import { People } from './People.tsx'

/** Milliseconds. Docker takes a second or two to tell what a container uses. */
const pause = 5_000

/** Everybody's desktops with what they use, containers that nobody knows, people, and who did what. */
export function Admin({ me }: { me: Me }) {
  const [desktops, setDesktops] = useState<readonly AdminDesktop[]>()
  const [troubles, setTroubles] = useState<readonly { host: string; where: string; reason: string }[]>([])
  const [orphans, setOrphans] = useState<readonly Orphan[]>([])
  const [audit, setAudit] = useState<readonly AuditEntry[]>([])
  const [fault, setFault] = useState<string>()

  const look = useCallback(async () => {
    try {
      const [all, lost, log] = await Promise.all([
        api.admin.desktops(),
        api.admin.orphans(),
        api.admin.audit(),
      ])
      setDesktops(all.desktops)
      setTroubles(all.troubles)
      setOrphans(lost.orphans)
      setAudit(log.entries)
      setFault(undefined)
    } catch (error) {
      setFault((error as Error).message)
    }
  }, [])

  useEffect(() => {
    void look()
    const timer = window.setInterval(look, pause)
    return () => clearInterval(timer)
  }, [look])

  async function act(work: () => Promise<unknown>) {
    try {
      await work()
    } catch (error) {
      return setFault((error as Error).message)
    }
    await look()
  }

  return (
    <div className="admin">
      {fault !== undefined && (
        <p className="notice bad" role="alert">
          {fault}
        </p>
      )}
      {troubles.map(({ host, where, reason }) => (
        <p key={host} className="notice bad" role="alert">
          Docker host {host} (<code>{where}</code>): {reason}
        </p>
      ))}
      <section aria-labelledby="all">
        <h2 id="all">Desktops</h2>
        {desktops === undefined ? (
          <p aria-busy="true">One moment…</p>
        ) : desktops.length === 0 ? (
          <p className="soft">Nobody has one.</p>
        ) : (
          <ul className="rows">
            {desktops.map((each) => (
              <Row key={each.key} desktop={each} onStop={() => act(() => api.admin.stop(each.key))} />
            ))}
          </ul>
        )}
      </section>
      <section aria-labelledby="orphans">
        <h2 id="orphans">Containers without a desktop</h2>
        {orphans.length === 0 ? (
          <p className="soft">There are none. What this service lost track of it removes itself.</p>
        ) : (
          <ul className="rows">
            {orphans.map((each) => (
              <li key={`${each.host}/${each.id}`} className="card">
                <strong>{each.name}</strong>
                <span className="soft">
                  {each.image} on {each.host}, {each.isRunning ? 'running' : 'ended'}; made by another service
                </span>
                <button
                  type="button"
                  className="danger"
                  onClick={() => act(() => api.admin.removeOrphan(each))}
                >
                  Remove
                </button>
              </li>
            ))}
          </ul>
        )}
      </section>
      <People me={me} />
      <section aria-labelledby="audit">
        <h2 id="audit">Who did what</h2>
        <ol className="audit" aria-label="The newest first">
          {audit.map(({ at, actor, action, subject, detail }, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: entries have no other name, and never change
            <li key={`${at} ${index}`}>
              <time dateTime={at} className="soft">
                {new Date(at).toLocaleString()}
              </time>{' '}
              <strong>{actor}</strong> {action} {subject} {detail && <span className="soft">({detail})</span>}
            </li>
          ))}
        </ol>
      </section>
    </div>
  )
}

function Row({ desktop, onStop }: { desktop: AdminDesktop; onStop(): void }) {
  const { user, title, status, host, port, usage, reason, address } = desktop
  return (
    <li className="card">
      <strong>
        {user}: {title}
      </strong>
      <span className="state" data-state={status}>
        {status}
      </span>
      <span className="soft">
        {address} {host !== null && `on ${host}`}
        {port !== null && `:${port}`}
      </span>
      <span className="soft">
        {usage === undefined
          ? (reason ?? '')
          : `${Math.round(usage.cpus * 100)} % of a core, ${Math.round(usage.memory / 1024 ** 2)} of ${Math.round(usage.memoryLimit / 1024 ** 2)} MB`}
      </span>
      {(status === 'running' || status === 'starting') && (
        <button type="button" onClick={onStop}>
          Stop
        </button>
      )}
    </li>
  )
}
