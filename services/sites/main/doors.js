/**
 * Says beside each door whether somebody answers behind it. A page of this same house may be looked at from
 * the porch, and the browser knows with which status it came.
 */
for (const door of document.querySelectorAll('.door')) {
  const frame = door.querySelector('iframe')
  const look = () => tell(door.querySelector('.note'), frame)
  frame.addEventListener('load', look)
  if (frame.contentDocument?.readyState === 'complete') look()
}

/** A frame that asks for a password holds up the page around it until it is told. So it comes when all else is there. */
addEventListener('load', () => {
  for (const frame of document.querySelectorAll('iframe[data-src]')) frame.src = frame.dataset.src
})

/** The other systems live on names of their own in front of this one. Names below an address do not exist. */
const named = !/^[\d.]+$|^\[/.test(location.hostname)
for (const link of document.querySelectorAll('[data-subdomain]')) {
  if (!named) continue
  link.href = `${location.protocol}//${link.dataset.subdomain}.${location.host}/`
  link.closest('li').hidden = false
}

function tell(note, frame) {
  if (frame.contentDocument?.URL === 'about:blank') return
  const [state, text] = whatIsThere(frame)
  note.dataset.state = state
  // Said once: a page that is away comes again every few seconds, and a screen reader would repeat it.
  if (note.textContent !== text) note.textContent = text
}

function whatIsThere(frame) {
  const status = statusOf(frame)
  if (status === undefined || status >= 500) return ['away', 'Away just now']
  if (status === 401) return ['closed', 'Wants a password']
  if (status === 403) return ['closed', 'Not open to your network']
  if (status === 429) return ['closed', 'Asks for a moment']
  if (status >= 400) return ['away', 'Nothing there']
  return ['here', 'Answering']
}

/** Undefined when the frame shows a page of the browser's own, because nothing came. */
function statusOf(frame) {
  try {
    const [visit] = frame.contentWindow.performance.getEntriesByType('navigation')
    return visit.responseStatus || (frame.contentDocument.documentElement.dataset.code ? 500 : 200)
  } catch {
    return undefined
  }
}
