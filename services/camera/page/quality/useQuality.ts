import { type RefObject, useEffect, useState } from 'react'
import { ask, Refusal } from '../../../shared/page/ask.ts'

export type Level = 'good' | 'acceptable' | 'poor'

export interface Part {
  readonly name: string
  readonly score: number
  readonly level: Level
  readonly advice?: string
}

export interface Quality {
  /** 0 to 1; undefined when only the parts are known. */
  readonly share: number | undefined
  readonly level: Level | undefined
  readonly kind: 'measured' | 'neural' | undefined
  readonly message: string
  readonly parts: readonly Part[]
}

/** Milliseconds between two looks, and after one that nobody answered. */
const [pause, longPause] = [2_000, 5_000]
/** Pixels of the longer side of what is sent: enough to judge, and little to carry. */
const longestSide = 1280

/** Asks every two seconds how good the picture is, while somebody looks at it. */
export function useQuality(video: RefObject<HTMLVideoElement | null>, isOn: boolean): Quality | undefined {
  const [quality, setQuality] = useState<Quality>()
  useEffect(() => {
    if (!isOn) return void setQuality(undefined)
    const stop = new AbortController()
    let timer: ReturnType<typeof setTimeout>
    async function look() {
      const image = document.visibilityState === 'visible' ? frameOf(video.current) : undefined
      const answer = image === undefined ? undefined : await judge(image, stop.signal)
      if (stop.signal.aborted) return
      if (answer) setQuality(answer)
      timer = setTimeout(look, answer?.parts.length === 0 ? longPause : answer ? pause : 300)
    }
    void look()
    return () => {
      stop.abort()
      clearTimeout(timer)
    }
  }, [video, isOn])
  return quality
}

// --- internal ---

interface Answer {
  quality_share: number
  quality_level: Level
  score_kind: 'measured' | 'neural'
  message: string
  parts: readonly Part[]
}

async function judge(image: string, signal: AbortSignal): Promise<Quality | undefined> {
  try {
    const answer = await ask<Answer>('api/quality/check', { json: { image }, signal })
    const { quality_share: share, quality_level: level, score_kind: kind, message, parts } = answer
    return { share, level, kind, message, parts }
  } catch (error) {
    if (!(error instanceof Refusal)) return undefined
    // A model that is away takes its score with it; what can be measured was measured all the same.
    const parts = (error.detail.parts ?? []) as readonly Part[]
    const advice = parts.find((part) => part.advice)?.advice
    return { share: undefined, level: undefined, kind: undefined, message: advice ?? error.message, parts }
  }
}

function frameOf(video: HTMLVideoElement | null): string | undefined {
  if (!video || video.videoWidth === 0) return undefined
  const scale = Math.min(1, longestSide / Math.max(video.videoWidth, video.videoHeight))
  const canvas = document.createElement('canvas')
  canvas.width = Math.round(video.videoWidth * scale)
  canvas.height = Math.round(video.videoHeight * scale)
  canvas.getContext('2d')?.drawImage(video, 0, 0, canvas.width, canvas.height)
  return canvas.toDataURL('image/jpeg', 0.9)
}
