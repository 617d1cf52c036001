import { useEffect, useState } from 'react'
import type { Refusal } from '../../shared/page/ask.ts'
import { SignIn } from '../../shared/page/SignIn.tsx'
import { api, type Me } from './api.ts'
import { Link } from './Link.tsx'
import { PictureView } from './PictureView.tsx'
import { go, usePicture } from './route.ts'
import { Start } from './Start.tsx'

export function App() {
  // undefined: not known yet. null: nobody.
  const [me, setMe] = useState<Me | null>()
  const [fault, setFault] = useState<string>()
  const picture = usePicture()

  function look() {
    setFault(undefined)
    api.me().then(setMe, (refusal: Refusal) => {
      if (refusal.status === 401) setMe(null)
      else setFault(refusal.message)
    })
  }
  useEffect(look, [])

  /** Whatever the page asks for, a session may have ended meanwhile. */
  function onRefused(refusal: Refusal): string {
    if (refusal.status === 401) setMe(null)
    return refusal.message
  }

  async function signIn(username: string, password: string) {
    await api.signIn(username, password)
    setMe(await api.me())
  }

  async function signOut() {
    await api.signOut().catch(() => {})
    setMe(null)
    go('/')
  }

  if (fault)
    return (
      <main className="page-main">
        <p className="notice bad" role="alert">
          {fault}
        </p>
        <button type="button" onClick={look}>
          Try again
        </button>
      </main>
    )
  if (me === undefined) return <main className="page-main soft">One moment…</main>
  if (me === null) return <SignIn title="Photo restoration" signIn={signIn} />
  return (
    <>
      <header className="page-head">
        <h1>
          <Link href="/" className="home">
            Photo restoration
          </Link>
        </h1>
        <div className="end who">
          <span className="soft">{me.username}</span>
          <button type="button" onClick={signOut}>
            Sign out
          </button>
        </div>
      </header>
      <main className="page-main">
        {picture === undefined ? (
          <Start onRefused={onRefused} />
        ) : (
          <PictureView key={picture} id={picture} onRefused={onRefused} />
        )}
      </main>
    </>
  )
}
