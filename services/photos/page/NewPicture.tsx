import { useState } from 'react'
import type { Refusal } from '../../shared/page/ask.ts'
import { Adjust } from './Adjust.tsx'
import { type Model, upload } from './api.ts'
import { DropZone } from './DropZone.tsx'
import { ModelChoice } from './ModelChoice.tsx'
import { go } from './route.ts'

interface NewPictureProps {
  readonly models: readonly Model[]
  /** Some pictures are in the queue. */
  onSent(): void
  onRefused(refusal: Refusal): string
}

/** Chooses pictures and what to do with them, and sends them, one after the other. */
export function NewPicture({ models, onSent, onRefused }: NewPictureProps) {
  const [files, setFiles] = useState<readonly File[]>([])
  const [model, setModel] = useState(models.find(({ available }) => available) ?? models[0])
  const [changed, setChanged] = useState<Record<string, number | string>>({})
  const [sending, setSending] = useState<{ index: number; share: number }>()
  const [faults, setFaults] = useState<readonly string[]>([])

  if (model === undefined) return null

  async function send(chosen: Model) {
    setFaults([])
    const wrong: string[] = []
    const left: File[] = []
    let last: string | undefined
    for (const [index, file] of files.entries()) {
      setSending({ index, share: 0 })
      try {
        const { id } = await upload(file, { model: chosen.id, parameters: changed }, (share) =>
          setSending({ index, share }),
        )
        last = id
      } catch (refusal) {
        wrong.push(`${file.name}: ${onRefused(refusal as Refusal)}`)
        left.push(file)
      }
    }
    setSending(undefined)
    setFaults(wrong)
    setFiles(left)
    if (files.length === 1 && last !== undefined) go(`/pictures/${last}`)
    else onSent()
  }

  return (
    <section className="card new-picture" aria-labelledby="new-picture">
      <h2 id="new-picture">Restore a picture</h2>
      <DropZone files={files} onChoose={setFiles} disabled={sending !== undefined} />
      {faults.length > 0 && (
        <div className="notice bad" role="alert">
          {faults.map((fault) => (
            <p key={fault}>{fault}</p>
          ))}
        </div>
      )}
      <ModelChoice
        models={models}
        chosen={model}
        onChoose={(next) => {
          setModel(next)
          setChanged({})
        }}
      />
      <Adjust model={model} changed={changed} onChange={setChanged} />
      {sending ? (
        <div role="status" className="sending">
          <span>
            Sending {files[sending.index]?.name}
            {files.length > 1 && ` (${sending.index + 1} of ${files.length})`}
          </span>
          <progress value={sending.share} max={1} aria-label="Sent" />
        </div>
      ) : (
        <button type="button" className="first" disabled={files.length === 0} onClick={() => send(model)}>
          {files.length > 1 ? `Restore ${files.length} pictures` : 'Restore'}
        </button>
      )}
    </section>
  )
}
