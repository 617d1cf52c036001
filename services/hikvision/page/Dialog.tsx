import { type FormEvent, type ReactNode, useEffect, useId, useRef, useState } from 'react'
import { RemoveButton } from './RemoveButton.tsx'

interface DialogProps {
  readonly title: string
  readonly action: string
  readonly children: ReactNode
  /** Rejects with the sentence to show. */
  submit(form: FormData): Promise<void>
  /** Removes what the dialog is about. Rejects with the sentence to show. */
  remove?(): Promise<void>
  onClose(): void
}

/** A form in a window of its own, which says what was wrong and stays until it is right or given up. */
export function Dialog({ title, action, children, submit, remove, onClose }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null)
  const id = useId()
  const [fault, setFault] = useState<string>()
  const [isBusy, setBusy] = useState(false)
  useEffect(() => dialog.current?.showModal(), [])

  async function run(work: () => Promise<void>) {
    setBusy(true)
    setFault(undefined)
    try {
      await work()
    } catch (error) {
      setFault((error as Error).message)
    }
    setBusy(false)
  }

  function onSubmit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    void run(() => submit(form))
  }

  return (
    <dialog ref={dialog} onClose={onClose} aria-labelledby={id}>
      <form onSubmit={onSubmit}>
        <div className="dialog-head">
          <h2 id={id}>{title}</h2>
          <button type="button" onClick={() => dialog.current?.close()}>
            Close
          </button>
        </div>
        {fault && (
          <p className="notice bad" role="alert">
            {fault}
          </p>
        )}
        {children}
        <div className="row">
          <button type="submit" className="first" disabled={isBusy}>
            {isBusy ? 'One moment…' : action}
          </button>
          {remove && <RemoveButton disabled={isBusy} onRemove={() => void run(remove)} />}
        </div>
      </form>
    </dialog>
  )
}
