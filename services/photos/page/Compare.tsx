import { type PointerEvent, useRef, useState } from 'react'

interface CompareProps {
  readonly before: string
  readonly after: string
  readonly size: { readonly width: number; readonly height: number }
}

const zooms = [1, 2, 4, 8]

/**
 * Two pictures on top of each other, with a line between before and after. Drag on the picture, or use the slider below.
 * Zoomed in, dragging moves the picture, and the slider moves the line.
 */
export function Compare({ before, after, size }: CompareProps) {
  const [split, setSplit] = useState(50)
  const [zoom, setZoom] = useState(1)
  const frame = useRef<HTMLElement>(null)

  function drag(event: PointerEvent<HTMLElement>) {
    if (event.buttons !== 1 || frame.current === null) return
    if (zoom === 1) {
      const { left, width } = frame.current.getBoundingClientRect()
      setSplit(Math.round(Math.max(0, Math.min(100, ((event.clientX - left) / width) * 100))))
    } else if (event.pointerType === 'mouse') {
      // Fingers scroll by themselves.
      frame.current.scrollBy(-event.movementX, -event.movementY)
    }
  }

  /** What is in the middle stays there. */
  function zoomTo(next: number) {
    const box = frame.current
    if (box === null) return
    const x = (box.scrollLeft + box.clientWidth / 2) / box.scrollWidth
    const y = (box.scrollTop + box.clientHeight / 2) / box.scrollHeight
    setZoom(next)
    requestAnimationFrame(() => {
      box.scrollTo(x * box.scrollWidth - box.clientWidth / 2, y * box.scrollHeight - box.clientHeight / 2)
    })
  }

  const at = zooms.indexOf(zoom)
  return (
    <div className="compare">
      <section
        ref={frame}
        className={zoom === 1 ? 'frame' : 'frame zoomed'}
        tabIndex={zoom === 1 ? undefined : 0}
        aria-label="Before and after"
        style={{ aspectRatio: `${size.width} / ${size.height}` }}
        onPointerDown={drag}
        onPointerMove={drag}
      >
        <div className="layers" style={{ width: `${zoom * 100}%` }}>
          <img src={after} alt="After: restored" width={size.width} height={size.height} draggable={false} />
          <img
            className="before"
            src={before}
            alt="Before: as it was uploaded"
            width={size.width}
            height={size.height}
            draggable={false}
            style={{ clipPath: `inset(0 ${100 - split}% 0 0)` }}
          />
          <div className="line" style={{ left: `${split}%` }} />
        </div>
      </section>
      <div className="controls">
        <label>
          <span className="with-value">
            <span>Before</span> <span>After</span>
          </span>
          <input
            type="range"
            min={0}
            max={100}
            value={split}
            aria-label="Where the line between before and after is"
            aria-valuetext={`${split} % before, ${100 - split} % after`}
            onChange={({ target }) => setSplit(Number(target.value))}
          />
        </label>
        {/* biome-ignore lint/a11y/useSemanticElements: a group of buttons is no set of fields */}
        <div role="group" aria-label="Zoom" className="zoom">
          <button
            type="button"
            disabled={at === 0}
            aria-label="Smaller"
            onClick={() => zoomTo(zooms[at - 1] ?? 1)}
          >
            −
          </button>
          <output aria-live="polite">{zoom === 1 ? 'Whole' : `${zoom} ×`}</output>
          <button
            type="button"
            disabled={at === zooms.length - 1}
            aria-label="Larger"
            onClick={() => zoomTo(zooms[at + 1] ?? zoom)}
          >
            +
          </button>
        </div>
      </div>
    </div>
  )
}
