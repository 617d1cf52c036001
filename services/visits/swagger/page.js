/** Swagger UI, set up. Its own file, because nothing inline is allowed to run. */
const dark = matchMedia('(prefers-color-scheme: dark)')
const look = () => document.documentElement.classList.toggle('dark-mode', dark.matches)
look()
dark.addEventListener('change', look)

const note = document.querySelector('.note')

const ui = window.SwaggerUIBundle({
  url: 'openapi.json',
  dom_id: '#swagger',
  presets: [window.SwaggerUIBundle.presets.apis],
  layout: 'BaseLayout',
  docExpansion: 'list',
  defaultModelsExpandDepth: 0,
  // A token is gone with the page: what is stored in a browser is there for whoever sits down next.
  persistAuthorization: false,
  // That service of somebody else's would be told of this address.
  validatorUrl: null,
  responseInterceptor: keepToken,
})

/** Whoever signs in here means to go on, and need not carry the token over by hand. */
function keepToken(response) {
  if (!response.ok || !response.url.endsWith('/flask/auth/login')) return response
  ui.preauthorizeApiKey('token', response.obj.token)
  note.textContent = 'You are signed in for an hour: “Count a visit” sends your token.'
  return response
}

/** What Swagger UI leaves without a name, or out of reach of a keyboard, and how to mend it. */
const mends = [
  ['.body-param__text', 'aria-label', 'Request body'],
  ['.body-param__example', 'tabindex', '0'],
  ['.close-modal', 'aria-label', 'Close'],
  ['[aria-label="Remove authorization"]', 'aria-label', 'Logout: remove authorization'],
  ['[aria-label="Apply credentials"]', 'aria-label', 'Authorize: apply credentials'],
  ['pre.microlight', 'tabindex', '0'],
  ['h3.opblock-tag', 'aria-level', '2'],
  ['section.models > h4 > button', 'aria-label', 'Schemas'],
]
new MutationObserver(() => {
  for (const [which, attribute, value] of mends)
    for (const element of document.querySelectorAll(which))
      if (element.getAttribute(attribute) !== value) element.setAttribute(attribute, value)
}).observe(document.querySelector('#swagger'), { childList: true, subtree: true })
