import type { ReactNode } from 'react'

interface PanelProps {
  readonly id: string
  readonly title: string
  /** Beside the title. */
  readonly aside?: ReactNode
  readonly children: ReactNode
}

/** One matter of the page. */
export function Panel({ id, title, aside, children }: PanelProps) {
  return (
    <section className="card panel" id={id} aria-labelledby={`${id}-title`}>
      <div className="panel-head">
        <h2 id={`${id}-title`}>{title}</h2>
        {aside}
      </div>
      {children}
    </section>
  )
}

/** A table that is pushed to and fro within itself where the screen is narrow. */
export function Wide({ label, children }: { label: string; children: ReactNode }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard
    <section className="wide" aria-label={label} tabIndex={0}>
      {children}
    </section>
  )
}
