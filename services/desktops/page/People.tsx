import { type FormEvent, useCallback, useEffect, useRef, useState } from 'react'
import { api, type Me } from './api.ts'

/** Who may have desktops. */
export function People({ me }: { me: Me }) {
  const [people, setPeople] = useState<readonly Me[]>([])
  const [fault, setFault] = useState<string>()
  const [said, setSaid] = useState<string>()

  const look = useCallback(async () => {
    try {
      setPeople((await api.admin.users()).users)
    } catch (error) {
      setFault((error as Error).message)
    }
  }, [])
  useEffect(() => void look(), [look])

  async function act(work: () => Promise<unknown>, sentence: string): Promise<boolean> {
    setFault(undefined)
    setSaid(undefined)
    try {
      await work()
      setSaid(sentence)
      await look()
      return true
    } catch (error) {
      setFault((error as Error).message)
      return false
    }
  }

  async function add(event: FormEvent<HTMLFormElement>) {
    event.preventDefault()
    const form = event.currentTarget
    const data = new FormData(form)
    const [name, password, role] = ['name', 'password', 'role'].map((each) => String(data.get(each)))
    const isKnown = people.some((each) => each.name === name)
    const isDone = isKnown
      ? await act(
          () => api.admin.setPassword(name as string, password as string),
          `${name} has a new password, and is signed out everywhere.`,
        )
      : await act(
          () =>
            api.admin.addUser({ name: name as string, password: password as string, role: role as string }),
          `${name} can sign in now.`,
        )
    if (isDone) form.reset()
  }

  return (
    <section aria-labelledby="people">
      <h2 id="people">People</h2>
      {fault !== undefined && (
        <p className="notice bad" role="alert">
          {fault}
        </p>
      )}
      <p role="status">{said}</p>
      <ul className="rows">
        {people.map(({ name, role }) => (
          <li key={name} className="card">
            <strong>{name}</strong>
            <span className="soft">{role === 'admin' ? 'admin' : ''}</span>
            {name !== me.name && (
              <RemoveButton
                name={name}
                onRemove={() =>
                  act(
                    () => api.admin.removeUser(name),
                    `${name} is removed; the desktops stop, the files stay.`,
                  )
                }
              />
            )}
          </li>
        ))}
      </ul>
      <form className="card add" onSubmit={add}>
        <label>
          Name
          <input
            name="name"
            autoComplete="off"
            autoCapitalize="none"
            spellCheck={false}
            pattern="[a-z0-9][a-z0-9\-]*"
            required
          />
        </label>
        <label>
          Password
          <input name="password" type="password" autoComplete="new-password" minLength={8} required />
        </label>
        <label>
          May
          <select name="role">
            <option value="user">have desktops</option>
            <option value="admin">see and stop those of all</option>
          </select>
        </label>
        <button type="submit" className="first">
          Add, or set the password
        </button>
      </form>
    </section>
  )
}

/** Asks once more: a name is never given again. */
function RemoveButton({ name, onRemove }: { name: string; onRemove(): void }) {
  const dialog = useRef<HTMLDialogElement>(null)
  return (
    <>
      <button type="button" className="danger" onClick={() => dialog.current?.showModal()}>
        Remove {name}
      </button>
      <dialog ref={dialog} className="card" aria-label={`Remove ${name}`}>
        <h2>Remove {name}?</h2>
        <p>
          The desktops stop, and nobody can be called {name} again. The files stay until an operator removes
          them.
        </p>
        <form method="dialog" className="row">
          <button type="submit" className="danger" onClick={onRemove}>
            Remove for good
          </button>
          <button type="submit">Cancel</button>
        </form>
      </dialog>
    </>
  )
}
