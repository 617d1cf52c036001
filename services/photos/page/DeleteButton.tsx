import { useRef } from 'react'
import type { Refusal } from '../../shared/page/ask.ts'

interface DeleteButtonProps {
  readonly name: string
  onDelete(): Promise<void>
  onRefused(refusal: Refusal): void
}

/** Asks once more, because nothing brings a picture back. */
export function DeleteButton({ name, onDelete, onRefused }: DeleteButtonProps) {
  const dialog = useRef<HTMLDialogElement>(null)

  async function remove() {
    dialog.current?.close()
    await onDelete().catch(onRefused)
  }

  return (
    <>
      <button
        type="button"
        className="danger"
        aria-label={`Delete ${name}`}
        onClick={() => dialog.current?.showModal()}
      >
        Delete
      </button>
      <dialog ref={dialog} aria-label={`Delete ${name}?`}>
        <p>
          Delete <strong>{name}</strong> and what was made of it? Nothing brings it back.
        </p>
        <div className="choices">
          <button type="button" onClick={() => dialog.current?.close()}>
            Keep it
          </button>
          <button type="button" className="danger" onClick={remove}>
            Delete
          </button>
        </div>
      </dialog>
    </>
  )
}
