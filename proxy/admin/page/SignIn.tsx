import { type FormEvent, useState } from 'react'
import { ask } from './ask.ts'

interface SignInProps {
  /** What went wrong before. */
  readonly fault: string | undefined
  onSignedIn(user: string): void
}

export function SignIn({ fault: before, onSignedIn }: SignInProps) {
  const [fault, setFault] = useState(before)
  const [isBusy, setBusy] = useState(false)

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    setBusy(true)
    setFault(undefined)
    try {
      const given = { user: form.get('user'), password: form.get('password') }
      onSignedIn((await ask<{ user: string }>('POST', 'session', given)).user)
    } catch (error) {
      setFault((error as Error).message)
      setBusy(false)
    }
  }

  return (
    <main className="sign-in">
      <form className="card" onSubmit={submit}>
        <img src={new URL('./icon.svg', import.meta.url).href} alt="" width="44" height="44" />
        <h1>Gatehouse</h1>
        <p className="soft">The dashboard of this proxy.</p>
        {fault && (
          <p className="notice bad" role="alert">
            {fault}
          </p>
        )}
        <label>
          Name
          <input name="user" autoComplete="username" autoCapitalize="none" spellCheck={false} required />
        </label>
        <label>
          Password
          <input name="password" type="password" autoComplete="current-password" required />
        </label>
        <button type="submit" className="first" disabled={isBusy}>
          {isBusy ? 'Signing in…' : 'Sign in'}
        </button>
        <details>
          <summary>Where is the password?</summary>
          <p className="soft">
            The first start told it once, and kept it in <code>data/first-start.txt</code>. Another one:{' '}
            <code>gatehouse hash admin --file certs/dashboard.htpasswd</code>
          </p>
        </details>
      </form>
    </main>
  )
}
