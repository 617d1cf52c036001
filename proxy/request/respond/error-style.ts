/**
 * The style of an error page, and its emblem. All of it stands in the page: a page that says that things are
 * broken may not depend on anything else that could be.
 */
export const errorStyle = `
:root{color-scheme:light dark;--paper:#f4f1ea;--card:#fffdf8;--ink:#22262f;--soft:#5b6270;--line:#e0dacb;--tint:#8a5300;--glow:#f3e2c4}
[data-side=upstream]{--tint:#0d655d;--glow:#cfe7e1}
[data-side=proxy]{--tint:#5a47a8;--glow:#e0daf3}
@media (prefers-color-scheme:dark){
:root{--paper:#11151c;--card:#191f29;--ink:#ebe7de;--soft:#a5abb7;--line:#2c3441;--tint:#e8b568;--glow:#33291a}
[data-side=upstream]{--tint:#6fd0c1;--glow:#173331}
[data-side=proxy]{--tint:#b3a4f5;--glow:#292446}
}
*{box-sizing:border-box}
html{min-height:100%;background:var(--paper);color:var(--ink);font:1.0625rem/1.6 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",sans-serif;-webkit-text-size-adjust:100%}
body{margin:0;min-height:100vh;min-height:100dvh;display:grid;place-items:center;padding:clamp(1rem,4vw,3rem);background:radial-gradient(60rem 30rem at 50% -8rem,var(--glow),transparent)}
main{width:min(37rem,100%);padding:clamp(1.5rem,5vw,3rem);background:var(--card);border:1px solid var(--line);border-radius:1.25rem;box-shadow:0 1.5rem 3.5rem -2.25rem rgb(0 0 0/.35)}
svg{display:block;width:4rem;height:4rem;margin:0 0 1.25rem;fill:none;stroke:var(--tint);stroke-width:2.5;stroke-linecap:round;stroke-linejoin:round}
svg .lamp{fill:var(--tint);stroke:none}
.kind{margin:0;color:var(--tint);font-size:.875rem;font-weight:600;letter-spacing:.02em}
h1{margin:.25rem 0 .75rem;font:600 clamp(1.6rem,1.2rem + 2.4vw,2.3rem)/1.18 ui-serif,Georgia,"Times New Roman",serif;text-wrap:balance}
p{margin:0 0 .75rem;overflow-wrap:anywhere}
.advice,.again{color:var(--soft)}
.acts{display:flex;flex-wrap:wrap;gap:.75rem;margin:1.5rem 0 0}
a{padding:.55rem 1.15rem;border:1px solid var(--line);border-radius:99rem;color:var(--ink);text-decoration:none}
a:first-child{border-color:var(--tint);color:var(--tint);font-weight:600}
a:hover{background:var(--glow)}
a:focus-visible{outline:3px solid var(--tint);outline-offset:2px}
footer{margin:1.75rem 0 0;padding:1rem 0 0;border-top:1px solid var(--line);color:var(--soft);font-size:.875rem}
code{font:.875rem/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;color:var(--ink);user-select:all;overflow-wrap:anywhere}
@media (max-height:36rem){body{padding:.75rem}main{padding:1.25rem 1.5rem}svg{float:right;width:2.75rem;height:2.75rem;margin:0 0 0 1rem}.acts{margin-top:1rem}footer{margin-top:1rem;padding-top:.75rem}}
@media (max-height:18rem){main{padding:.25rem .5rem;background:none;border:0;box-shadow:none}p{margin-bottom:.4rem}}
@media (prefers-reduced-motion:no-preference){.waiting .lamp{animation:glow 2.4s ease-in-out infinite}@keyframes glow{50%{opacity:.25}}}
`
  .trim()
  .replaceAll('\n', '')

/** A gate with its lamp. */
export const emblem =
  '<svg viewBox="0 0 64 64" aria-hidden="true"><path d="M6 60h52M11 60V31a21 21 0 0 1 42 0v29"/><path d="M20 60V33a12 12 0 0 1 24 0v27M32 21v39"/><circle class="lamp" cx="28" cy="43" r="1.8"/><circle class="lamp" cx="36" cy="43" r="1.8"/></svg>'
