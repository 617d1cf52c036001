import { useEffect, useState } from 'react'
import { createRoot } from 'react-dom/client'
import { Refusal } from '../../shared/page/ask.ts'
import { SignIn } from '../../shared/page/SignIn.tsx'
import '../../shared/page/theme.css'
import { Admin } from './Admin.tsx'
import { api, type Me } from './api.ts'
import { Desktops } from './Desktops.tsx'
import { Head } from './Head.tsx'
import './page.css'

/** Where a person was going before being asked for a name: a desktop of this host, and nothing else. */
function wayOn(): string | undefined {
  const next = new URLSearchParams(location.search).get('next') ?? ''
  return /^\/desktop\/[\w./?=&%~-]*$/.test(next) ? next : undefined
}

function App() {
  const [me, setMe] = useState<Me | 'nobody' | 'unknown'>('unknown')
  const [view, setView] = useState<'desktops' | 'admin'>('desktops')
  const [fault, setFault] = useState<string>()

  useEffect(() => {
    api.me().then(setMe, (error: Error) => {
      if (error instanceof Refusal && error.status === 401) setMe('nobody')
      else setFault(error.message)
    })
  }, [])

  async function signOut(leave: () => Promise<unknown>) {
    try {
      await leave()
      setMe('nobody')
    } catch (error) {
      setFault((error as Error).message)
    }
  }

  async function signIn(name: string, password: string) {
    const found = await api.signIn(name, password)
    const next = wayOn()
    if (next !== undefined) return location.replace(next)
    setMe(found)
  }

  if (fault !== undefined)
    return (
      <main className="page-main">
        <h1>Desktops</h1>
        <p className="notice bad" role="alert">
          {fault}
        </p>
        <button type="button" onClick={() => location.reload()}>
          Try again
        </button>
      </main>
    )
  if (me === 'unknown') return <main className="page-main" aria-busy="true" />
  if (me === 'nobody') return <SignIn title="Desktops" signIn={signIn} />

  return (
    <>
      <Head me={me} view={view} onView={setView} onLeave={signOut} />
      <main className="page-main">
        {view === 'desktops' ? <Desktops onSignedOut={() => setMe('nobody')} /> : <Admin me={me} />}
      </main>
    </>
  )
}

createRoot(document.getElementById('root') as HTMLElement).render(<App />)
