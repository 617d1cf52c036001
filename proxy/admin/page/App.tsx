import { useCallback, useEffect, useState } from 'react'
import { ask, type Refusal } from './ask.ts'
import { Dashboard } from './Dashboard.tsx'
import { SignIn } from './SignIn.tsx'

/** Who is there: `undefined` until it is known, `null` for nobody. */
type User = string | null | undefined

export function App() {
  const [user, setUser] = useState<User>()
  const [fault, setFault] = useState<string>()
  const signedOut = useCallback(() => setUser(null), [])

  useEffect(() => {
    ask<{ user: User }>('GET', 'session').then(
      (session) => setUser(session.user),
      ({ message }: Refusal) => {
        setFault(message)
        setUser(null)
      },
    )
  }, [])

  if (user === undefined) return null
  if (user === null) return <SignIn fault={fault} onSignedIn={setUser} />
  return <Dashboard onSignedOut={signedOut} />
}
