import type { ErrorCode } from '../../errors.ts'

/** What an error page says besides the public text of the catalogue. */
export interface ErrorWords {
  /** A few words: the heading of the page. */
  headline: string
  /** What the visitor can do now. */
  advice: string
  /** Takes the place of the public text where the service is known; `{service}` is its name. */
  ofService?: string
}

const mistyped = 'Check the address for slips of the keyboard, or begin again at the start page.'
const shortly = 'There is nothing to mend on your side. Please try again shortly.'
const signIn = 'Sign in again, or ask whoever gave you the address for a fresh link.'
const program = 'If a program sent this request, its maker needs the number below.'
const ask = 'If you believe that you should get in, ask the people who run it, and quote the number below.'

/** The compiler refuses a code without words, and words without a code. */
export const errorWords: Readonly<Record<ErrorCode, ErrorWords>> = {
  bad_request: { headline: 'That did not read as a request', advice: program },
  path_ambiguous: { headline: 'An address with two readings', advice: mistyped },
  host_invalid: { headline: 'An address without a proper host', advice: mistyped },
  framing_invalid: { headline: 'A request of unclear length', advice: program },
  upgrade_invalid: { headline: 'That connection could not be switched', advice: program },
  misdirected: { headline: 'Right house, wrong door', advice: 'Close the tab and open the address again.' },
  headers_too_large: {
    headline: 'Too much came with the request',
    advice: 'Old cookies are the usual reason: clear those of this site, then try again.',
  },
  request_timeout: {
    headline: 'The request never quite arrived',
    advice: 'A weak connection is the usual reason. Please try again.',
  },
  no_route: { headline: 'Nothing lives here', advice: mistyped },
  file_not_found: { headline: 'Not on any shelf', advice: mistyped },

  address_denied: {
    headline: 'Not from where you are',
    advice: `This door opens only to some networks. Join one of them (a VPN may do). ${ask}`,
  },
  method_not_allowed: { headline: 'That cannot be done here', advice: program },
  credentials_required: {
    headline: 'Your name, please',
    advice: 'Try again, and give your name and password.',
  },
  credentials_invalid: {
    headline: 'That name and password do not fit',
    advice: 'Try again, and mind capitals and the layout of your keyboard.',
  },
  token_required: { headline: 'Please sign in', advice: signIn },
  token_invalid: { headline: 'That token does not fit', advice: signIn },
  token_expired: { headline: 'Your visit has run out', advice: signIn },
  claim_denied: { headline: 'Not with this token', advice: ask },
  forward_auth_denied: { headline: 'Not open to you', advice: ask },
  forward_auth_unavailable: { headline: 'Nobody can check your pass just now', advice: shortly },
  key_unavailable: { headline: 'Nobody can check your pass just now', advice: shortly },
  rate_limited: {
    headline: 'A little slower, please',
    advice: 'Wait a moment, then try again. Nothing of yours is lost.',
  },
  body_too_large: {
    headline: 'Too large to take in',
    advice: 'Send something smaller, or send it in parts.',
  },
  maintenance: {
    headline: 'Back before long',
    advice: 'There is nothing for you to do but come back.',
  },
  policy_denied: { headline: 'Not open to you', advice: ask },
  extension_broken: { headline: 'Closed for a repair', advice: 'The people who run it have been told why.' },

  upstream_away: {
    headline: 'Away for a moment',
    advice: shortly,
    ofService: 'The service {service} is away. It should be back soon.',
  },
  upstream_refused: {
    headline: 'Nobody answers the door',
    advice: shortly,
    ofService: 'The service {service} does not accept connections.',
  },
  upstream_timeout: {
    headline: 'No answer in time',
    advice: 'What you asked for may still be under way. Look whether it was done before you send it again.',
    ofService: 'The service {service} took too long to answer.',
  },
  upstream_broken: {
    headline: 'A garbled answer',
    advice: shortly,
    ofService: 'The service {service} gave an answer that cannot be relayed.',
  },
  upstream_tls: {
    headline: 'A service that cannot prove who it is',
    advice: 'Your request was not sent on. The people who run it need the number below.',
    ofService: 'The identity of the service {service} could not be verified.',
  },
  upstream_full: {
    headline: 'All hands are busy',
    advice: shortly,
    ofService: 'The service {service} is busy.',
  },

  overloaded: { headline: 'A crowd at the gate', advice: shortly },
  stopping: { headline: 'Back in a moment', advice: shortly },
  internal: {
    headline: 'That was our fault',
    advice: 'It was written down under the number below. Please try again.',
  },
}
