import { type FormEvent, useState } from 'react'

interface SignInProps {
  /** What it is for: `Photo restoration`. */
  readonly title: string
  /** Rejects with the sentence to show. */
  signIn(username: string, password: string): Promise<void>
}

/** Asks for a name and a password, and says what was wrong with them. */
export function SignIn({ title, signIn }: SignInProps) {
  const [fault, setFault] = useState<string>()
  const [isBusy, setBusy] = useState(false)

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    setBusy(true)
    setFault(undefined)
    try {
      await signIn(String(form.get('username')), String(form.get('password')))
    } catch (error) {
      setFault((error as Error).message)
      setBusy(false)
    }
  }

  return (
    <main className="page-main sign-in">
      <form className="card" onSubmit={submit} style={{ display: 'grid', gap: '1rem' }}>
        <h1>{title}</h1>
        {fault && (
          <p className="notice bad" role="alert" style={{ margin: 0 }}>
            {fault}
          </p>
        )}
        <label>
          Name
          <input name="username" autoComplete="username" autoCapitalize="none" spellCheck={false} required />
        </label>
        <label>
          Password
          <input name="password" type="password" autoComplete="current-password" required />
        </label>
        <button type="submit" className="first" disabled={isBusy}>
          {isBusy ? 'Signing in…' : 'Sign in'}
        </button>
      </form>
    </main>
  )
}
