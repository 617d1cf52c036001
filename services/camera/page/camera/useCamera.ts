import { useCallback, useEffect, useState } from 'react'

export type CameraTrouble = 'insecure' | 'unsupported' | 'refused' | 'absent' | 'busy' | 'ended'

export type Camera =
  | { readonly state: 'asking' }
  | { readonly state: 'trouble'; readonly trouble: CameraTrouble }
  | { readonly state: 'on'; readonly stream: MediaStream; readonly isMirror: boolean }

export interface CameraControl {
  readonly camera: Camera
  /** Cameras to choose from, once one was allowed. */
  readonly devices: readonly MediaDeviceInfo[]
  readonly deviceId: string | undefined
  choose(deviceId: string): void
  tryAgain(): void
}

/** The camera of this device: asks for it, tells why it cannot be had, and gives it back in the end. */
export function useCamera(): CameraControl {
  const [camera, setCamera] = useState<Camera>({ state: 'asking' })
  const [devices, setDevices] = useState<readonly MediaDeviceInfo[]>([])
  const [wanted, setWanted] = useState<{ deviceId?: string; attempt: number }>({ attempt: 0 })

  useEffect(() => {
    let isOver = false
    let stream: MediaStream | undefined
    const giveBack = () => {
      for (const track of stream?.getTracks() ?? []) track.stop()
    }
    async function open() {
      setCamera({ state: 'asking' })
      try {
        stream = await openStream(wanted.deviceId)
        if (isOver) return giveBack()
        const [track] = stream.getVideoTracks()
        track?.addEventListener('ended', () => setCamera({ state: 'trouble', trouble: 'ended' }))
        setCamera({ state: 'on', stream, isMirror: track?.getSettings().facingMode !== 'environment' })
        const all = await navigator.mediaDevices.enumerateDevices()
        if (!isOver) setDevices(all.filter(({ kind, deviceId }) => kind === 'videoinput' && deviceId !== ''))
      } catch (error) {
        if (!isOver) setCamera({ state: 'trouble', trouble: troubleOf(error as Error) })
      }
    }
    void open()
    return () => {
      isOver = true
      giveBack()
    }
  }, [wanted])

  const stream = camera.state === 'on' ? camera.stream : undefined
  return {
    camera,
    devices,
    deviceId: stream?.getVideoTracks()[0]?.getSettings().deviceId,
    choose: useCallback((deviceId) => setWanted(({ attempt }) => ({ deviceId, attempt: attempt + 1 })), []),
    tryAgain: useCallback(() => setWanted(({ attempt }) => ({ attempt: attempt + 1 })), []),
  }
}

// --- internal ---

function openStream(deviceId: string | undefined): Promise<MediaStream> {
  // Browsers hide the camera from pages that somebody on the way could have changed.
  if (!window.isSecureContext) throw new DOMException('', 'InsecureError')
  if (!navigator.mediaDevices?.getUserMedia || !('MediaRecorder' in window))
    throw new DOMException('', 'NotSupportedError')
  const which = deviceId === undefined ? { facingMode: 'user' } : { deviceId: { exact: deviceId } }
  const size = { width: { ideal: 1280 }, height: { ideal: 720 } }
  return navigator.mediaDevices.getUserMedia({ audio: false, video: { ...which, ...size } })
}

function troubleOf({ name }: Error): CameraTrouble {
  const known: Record<string, CameraTrouble> = {
    InsecureError: 'insecure',
    NotSupportedError: 'unsupported',
    NotAllowedError: 'refused',
    SecurityError: 'refused',
    NotFoundError: 'absent',
    OverconstrainedError: 'absent',
  }
  return known[name] ?? 'busy'
}
