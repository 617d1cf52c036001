import type { Overview } from '../../dashboard/overview.ts'
import { showDay, showSpan } from '../format.ts'
import { Address } from './Address.tsx'
import { Panel } from './Panel.tsx'

const day = 86_400_000

/** Until when each is good, and why one could not be got. */
export function Certificates({ certificates, automatic }: Pick<Overview, 'certificates' | 'automatic'>) {
  const failing = automatic.filter(({ state }) => state !== 'issued')
  return (
    <Panel id="certificates" title="Certificates">
      {certificates.length + failing.length === 0 && (
        <p className="soft empty">
          No listener speaks TLS. <code>tls: true</code> at one begins it, and <code>tls.automatic</code> gets
          certificates.
        </p>
      )}
      <ul className="rows">
        {failing.map(({ host, state, reason, mend, failures, next }) => (
          <li key={host}>
            <span className={`chip ${state === 'failing' ? 'bad' : 'warn'}`}>
              {state === 'failing' ? 'failing' : 'ordered'}
            </span>
            <span>
              <strong>{host}</strong>
              {state === 'failing' && (
                <span className="under">{`${failures === 1 ? 'Once' : `${failures} times`}: ${reason}`}</span>
              )}
              {mend && <span className="under">{mend}</span>}
              <span className="under">{`again in ${showSpan(next - Date.now())}`}</span>
            </span>
          </li>
        ))}
        {certificates
          .toSorted((a, b) => a.notAfter - b.notAfter)
          .slice(0, 30)
          .map(({ cn, sans, serial, notAfter }) => {
            const days = Math.floor((notAfter - Date.now()) / day)
            const renews = automatic.find(({ host }) => sans.includes(host))
            return (
              <li key={serial}>
                <span className={`chip ${days < 0 ? 'bad' : days < 14 ? 'warn' : 'good'}`}>
                  {days < 0 ? 'ended' : days === 0 ? 'today' : `${days} days`}
                </span>
                <span>
                  <strong>
                    <Address text={sans.slice(0, 3).join(', ') || cn} />
                  </strong>
                  {sans.length > 3 && <span className="soft">{` and ${sans.length - 3} more`}</span>}
                  <span className="under">
                    {`until ${showDay(notAfter)}`}
                    {renews && `, renewed by itself on ${showDay(renews.next)}`}
                  </span>
                </span>
              </li>
            )
          })}
      </ul>
    </Panel>
  )
}
