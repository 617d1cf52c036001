import { useRef } from 'react'
import { api, type Me } from './api.ts'

interface HeadProps {
  readonly me: Me
  readonly view: 'desktops' | 'admin'
  onView(view: 'desktops' | 'admin'): void
  onLeave(leave: () => Promise<unknown>): void
}

/** Who is here, what there is to see, and the ways out. */
export function Head({ me, view, onView, onLeave }: HeadProps) {
  const dialog = useRef<HTMLDialogElement>(null)
  return (
    <header className="page-head">
      <h1>Desktops</h1>
      {me.role === 'admin' && (
        <nav aria-label="Views">
          {(['desktops', 'admin'] as const).map((name) => (
            <button
              key={name}
              type="button"
              className="quiet"
              aria-current={view === name ? 'page' : undefined}
              onClick={() => onView(name)}
            >
              {name === 'desktops' ? 'Mine' : 'All'}
            </button>
          ))}
        </nav>
      )}
      <span className="end soft">{me.name}</span>
      <button type="button" onClick={() => dialog.current?.showModal()}>
        Sign out
      </button>
      <dialog ref={dialog} className="card" aria-labelledby="leave-title">
        <h2 id="leave-title">Sign out</h2>
        <p>
          Desktops go on running until you stop them, or until nobody has had them open for a while. Signing
          out everywhere ends your sessions in all browsers at once; a window that shows a desktop stays until
          the desktop stops.
        </p>
        <form method="dialog" className="row">
          <button type="submit" className="first" onClick={() => onLeave(api.signOut)}>
            Here
          </button>
          <button type="submit" onClick={() => onLeave(() => api.signOutEverywhere(false))}>
            Everywhere
          </button>
          <button type="submit" className="danger" onClick={() => onLeave(() => api.signOutEverywhere(true))}>
            Everywhere, and stop my desktops
          </button>
          <button type="submit">Stay</button>
        </form>
      </dialog>
    </header>
  )
}
