import { useEffect, useState } from 'react'
import { readSettings } from '../settings.ts'
import type { CameraTrouble as Trouble } from './useCamera.ts'

const words: Record<Trouble, { title: string; steps: readonly string[] }> = {
  insecure: {
    title: 'This address cannot show a camera',
    steps: [
      'Browsers hand a camera only to pages that came encrypted, and this one came over plain http.',
      'Open it by its https address, or as “localhost” on the machine itself.',
      'Whoever runs this service knows that address.',
    ],
  },
  unsupported: {
    title: 'This browser cannot record',
    steps: [
      'Use a current Chrome, Edge, Firefox or Safari.',
      'Inside of another app, choose “Open in browser”.',
    ],
  },
  refused: {
    title: 'The camera is not allowed here',
    steps: [
      'Press the sign at the left of the address bar, and allow the camera for this page.',
      'If it is allowed there, see the settings of this device: the browser itself may not be allowed to use it.',
      'Then press “Try again”.',
    ],
  },
  absent: {
    title: 'There is no camera',
    steps: [
      'Plug one in, or open its cover or switch.',
      'Then press “Try again”, or open this page on a phone.',
    ],
  },
  busy: {
    title: 'The camera does not start',
    steps: ['Another program or tab may be using it: close that one.', 'Then press “Try again”.'],
  },
  ended: {
    title: 'The camera went away',
    steps: ['What was recorded up to here is kept.', 'Plug it in again, and press “Try again”.'],
  },
}

/** Why there is no picture, and what to do about it. */
export function CameraTrouble({ trouble, tryAgain }: { trouble: Trouble; tryAgain(): void }) {
  const { title, steps } = words[trouble]
  return (
    <div className="trouble" role="alert">
      <h2>{title}</h2>
      <ol>
        {steps.map((step) => (
          <li key={step}>{step}</li>
        ))}
      </ol>
      {trouble === 'insecure' ? <EncryptedAddress /> : null}
      {trouble !== 'insecure' && trouble !== 'unsupported' && (
        <button type="button" className="first" onClick={tryAgain}>
          Try again
        </button>
      )}
    </div>
  )
}

/** The encrypted address, where the service was told of one. */
function EncryptedAddress() {
  const [address, setAddress] = useState<string>()
  useEffect(() => {
    void readSettings().then(({ public_url }) => setAddress(public_url ?? undefined))
  }, [])
  return (
    address && (
      <a className="button" href={address}>
        Go to {address}
      </a>
    )
  )
}
