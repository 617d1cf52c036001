import { type ChangeEvent, type DragEvent, useEffect, useState } from 'react'

interface DropZoneProps {
  readonly files: readonly File[]
  readonly disabled: boolean
  onChoose(files: readonly File[]): void
}

/** A place to drop pictures on; by keyboard and on a phone it is an ordinary file field. */
export function DropZone({ files, disabled, onChoose }: DropZoneProps) {
  const [isOver, setOver] = useState(false)

  function drop(event: DragEvent) {
    event.preventDefault()
    setOver(false)
    if (!disabled && event.dataTransfer.files.length > 0) onChoose([...event.dataTransfer.files])
  }

  function choose({ target }: ChangeEvent<HTMLInputElement>) {
    if (target.files && target.files.length > 0) onChoose([...target.files])
    // The same file can be chosen again after it was taken away.
    target.value = ''
  }

  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: whoever cannot drop uses the field within
    <div
      className={isOver ? 'drop-zone over' : 'drop-zone'}
      onDragOver={(event) => {
        event.preventDefault()
        setOver(true)
      }}
      onDragLeave={() => setOver(false)}
      onDrop={drop}
    >
      <label className="button">
        Choose pictures
        <input
          className="visually-hidden"
          type="file"
          accept="image/jpeg,image/png,image/webp"
          multiple
          disabled={disabled}
          onChange={choose}
        />
      </label>
      <p className="soft">or drop them here. JPEG, PNG or WebP.</p>
      {files.length > 0 && (
        <ul className="chosen">
          {files.map((file) => (
            <li key={`${file.name} ${file.lastModified}`}>
              <Preview file={file} />
              <span>{file.name}</span>
              <button
                type="button"
                disabled={disabled}
                aria-label={`Leave out ${file.name}`}
                onClick={() => onChoose(files.filter((other) => other !== file))}
              >
                Leave out
              </button>
            </li>
          ))}
        </ul>
      )}
    </div>
  )
}

function Preview({ file }: { file: File }) {
  const [address, setAddress] = useState<string>()
  useEffect(() => {
    const made = URL.createObjectURL(file)
    setAddress(made)
    return () => URL.revokeObjectURL(made)
  }, [file])
  // What is no picture has none to show; the service says why it is not taken.
  return <img src={address} alt="" onError={({ currentTarget }) => currentTarget.removeAttribute('src')} />
}
