import { useEffect, useState } from 'react'
import type { Refusal } from '../../shared/page/ask.ts'
import { api, type Model } from './api.ts'
import { Gallery } from './Gallery.tsx'
import { NewPicture } from './NewPicture.tsx'

interface StartProps {
  onRefused(refusal: Refusal): string
}

export function Start({ onRefused }: StartProps) {
  const [models, setModels] = useState<Model[]>()
  const [fault, setFault] = useState<string>()
  const [sent, setSent] = useState(0)

  // biome-ignore lint/correctness/useExhaustiveDependencies: asked once, whoever is told of it
  useEffect(() => {
    api.models().then(setModels, (refusal: Refusal) => setFault(onRefused(refusal)))
  }, [])

  return (
    <div className="start">
      {fault && (
        <p className="notice bad" role="alert">
          {fault}
        </p>
      )}
      {models && <NewPicture models={models} onSent={() => setSent((n) => n + 1)} onRefused={onRefused} />}
      <Gallery key={sent} onRefused={onRefused} />
    </div>
  )
}
