import { useRef, useState } from 'react'
import { api, type Desktop } from './api.ts'

interface CardProps {
  readonly type: string
  readonly title: string
  readonly description: string
  readonly desktop: Desktop | undefined
  /** Whether there is a Docker that could. */
  readonly canStart: boolean
  act(work: () => Promise<unknown>): Promise<void>
}

const words = {
  starting: 'starting',
  running: 'running',
  stopping: 'stopping',
  stopped: 'stopped',
  failed: 'did not start',
  deleting: 'being deleted',
} as const

const steps = {
  pulling: 'Its image is fetched. The first time that takes some minutes.',
  creating: 'Its container is made.',
  booting: 'The desktop boots.',
} as const

/** One kind of desktop, and the one that its user has of it. */
export function Card({ type, title, description, desktop, canStart, act }: CardProps) {
  const [isBusy, setBusy] = useState(false)
  const dialog = useRef<HTMLDialogElement>(null)
  const status = desktop?.status

  async function run(work: () => Promise<unknown>) {
    setBusy(true)
    await act(work)
    setBusy(false)
  }

  return (
    <li className="card desktop" data-type={type}>
      <header>
        <h2>{title}</h2>
        {status !== undefined && (
          <span className="state" data-state={status} role="status">
            {words[status]}
          </span>
        )}
      </header>
      <p className="soft">{description}</p>
      {desktop !== undefined && <Story desktop={desktop} />}
      <div className="row">
        {desktop?.open !== undefined && (
          <a className="button first" href={desktop.open} target={desktop.key} rel="noopener">
            Open
          </a>
        )}
        {(status === undefined || status === 'stopped' || status === 'failed') && (
          <button
            type="button"
            className="first"
            disabled={isBusy || !canStart}
            onClick={() => run(() => api.start(type))}
          >
            {status === 'failed' ? 'Try again' : 'Start'}
          </button>
        )}
        {desktop !== undefined && (status === 'running' || status === 'starting') && (
          <button type="button" disabled={isBusy} onClick={() => run(() => api.stop(desktop.key))}>
            Stop
          </button>
        )}
        {desktop !== undefined && status === 'running' && (
          <button type="button" disabled={isBusy} onClick={() => run(() => api.restart(desktop.key))}>
            Restart
          </button>
        )}
        {desktop !== undefined && status !== 'deleting' && (
          <button
            type="button"
            className="danger"
            disabled={isBusy}
            onClick={() => dialog.current?.showModal()}
          >
            Delete
          </button>
        )}
      </div>
      {desktop !== undefined && (
        <dialog ref={dialog} className="card" aria-label={`Delete ${title}`}>
          <h2>Delete {title}?</h2>
          <p>The desktop goes. If its files stay, the next one of this kind finds them again.</p>
          <form method="dialog" className="row">
            <button type="submit" className="first" onClick={() => run(() => api.remove(desktop.key, false))}>
              Delete, keep files
            </button>
            <button type="submit" className="danger" onClick={() => run(() => api.remove(desktop.key, true))}>
              Delete with all files
            </button>
            <button type="submit">Cancel</button>
          </form>
        </dialog>
      )}
    </li>
  )
}

/** What becomes of it, in a sentence or two. */
function Story({ desktop }: { desktop: Desktop }) {
  const { status, step, reason, address, stopsAt } = desktop
  const minutes =
    stopsAt === undefined ? 0 : Math.max(0, Math.ceil((Date.parse(stopsAt) - Date.now()) / 60_000))
  return (
    <div className="story" aria-live="polite">
      {status === 'starting' && (
        <>
          <progress aria-label="starting" />
          <p>{step === null ? 'It stands in line.' : steps[step]}</p>
        </>
      )}
      {reason !== null && <p className={status === 'failed' ? 'notice bad' : 'notice warn'}>{reason}</p>}
      {stopsAt !== undefined && (
        <p className="notice warn" role="alert">
          Nobody has it open. It is stopped {minutes <= 1 ? 'within a minute' : `in ${minutes} minutes`}{' '}
          unless you open it. Files are kept; programs are ended.
        </p>
      )}
      {status === 'running' && (
        <p>
          Its address: <a href={address}>{address}</a>
        </p>
      )}
    </div>
  )
}
