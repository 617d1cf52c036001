import { useCallback, useEffect, useState } from 'react'
import { ask, type Refusal } from '../../shared/page/ask.ts'
import { SignIn } from '../../shared/page/SignIn.tsx'
import { Devices } from './devices/Devices.tsx'
import { Events } from './events/Events.tsx'
import { People } from './people/People.tsx'

const views = { events: 'Events', devices: 'Devices', people: 'People' } as const
type View = keyof typeof views

function viewOf(hash: string): View {
  const name = hash.replace(/^#/, '')
  return name in views ? (name as View) : 'events'
}

/** Signs in, and then shows what the address says: `#events`, `#devices`, `#people`. */
export function App() {
  const [user, setUser] = useState<string | null>()
  const [fault, setFault] = useState<string>()
  const [view, setView] = useState(viewOf(location.hash))

  const load = useCallback(() => {
    setFault(undefined)
    ask<{ user: string }>('admin/session').then(
      (session) => setUser(session.user),
      (error: Refusal) => (error.status === 401 ? setUser(null) : setFault(error.message)),
    )
  }, [])
  useEffect(load, [load])
  useEffect(() => {
    const change = () => setView(viewOf(location.hash))
    addEventListener('hashchange', change)
    return () => removeEventListener('hashchange', change)
  }, [])
  useEffect(() => {
    document.title = `${user ? views[view] : 'Sign in'} · Hikvision devices`
  }, [view, user])

  if (fault !== undefined)
    return (
      <main className="page-main">
        <h1>Hikvision devices</h1>
        <p className="notice bad" role="alert">
          {fault}
        </p>
        <button type="button" className="first" onClick={load}>
          Try again
        </button>
      </main>
    )
  if (user === undefined) return <main className="page-main" aria-busy="true" aria-label="Loading" />
  if (user === null)
    return (
      <SignIn
        title="Hikvision devices"
        signIn={async (username, password) => {
          await ask('admin/session', { json: { username, password } })
          setUser(username)
        }}
      />
    )

  async function signOut() {
    await ask('admin/session', { method: 'DELETE' }).catch(() => {})
    setUser(null)
  }

  return (
    <>
      <header className="page-head">
        <h1>Hikvision devices</h1>
        <nav aria-label="Views">
          {Object.entries(views).map(([name, title]) => (
            <a key={name} href={`#${name}`} aria-current={view === name ? 'page' : undefined}>
              {title}
            </a>
          ))}
        </nav>
        <button type="button" className="end" onClick={signOut}>
          Sign out
        </button>
      </header>
      <main className="page-main wide">
        {view === 'events' && <Events />}
        {view === 'devices' && <Devices />}
        {view === 'people' && <People />}
      </main>
    </>
  )
}
