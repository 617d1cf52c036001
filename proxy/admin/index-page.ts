/** The plain page at `/`: what is here, in words and links. */
export function renderIndex(
  version: string,
  endpoints: readonly { readonly path: string; readonly title: string }[],
): string {
  const rows = endpoints
    .filter(({ path }) => path !== '/')
    .map(({ path, title }) => `<li><a href="${path}">${path}</a> ${escapeHtml(title)}</li>`)
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>Gatehouse</title></head>
<body>
<main>
<h1>Gatehouse ${escapeHtml(version)}</h1>
<ul>
${rows.join('\n')}
</ul>
</main>
</body>
</html>
`
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}
