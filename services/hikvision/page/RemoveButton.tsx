import { useState } from 'react'

interface RemoveButtonProps {
  /** What it removes, where that does not stand around it: `the agent Warehouse`. */
  readonly what?: string
  readonly disabled?: boolean
  onRemove(): void
}

/** Asks once more, in its own place, and forgets that when somebody turns to something else: a person goes from all doors. */
export function RemoveButton({ what, disabled, onRemove }: RemoveButtonProps) {
  const [isAsked, setAsked] = useState(false)
  const words = isAsked ? 'Remove for good' : 'Remove'
  return (
    <button
      type="button"
      className="danger end"
      disabled={disabled}
      aria-label={what && `${words}: ${what}`}
      onBlur={() => setAsked(false)}
      onClick={() => {
        setAsked(!isAsked)
        if (isAsked) onRemove()
      }}
    >
      {words}
    </button>
  )
}
