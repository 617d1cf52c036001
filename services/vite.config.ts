import { fileURLToPath } from 'node:url'
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

/** The page of one service, or of the proxy: `PAGE=photos vite build --config services/vite.config.ts`. */
const page = process.env.PAGE ?? ''
const at = (path: string) => fileURLToPath(new URL(path, import.meta.url))

export default defineConfig({
  root: at(page === 'dashboard' ? '../proxy/admin/page' : `${page}/page`),
  // A page may be served below a path: it names its files from where it is.
  base: './',
  plugins: [react()],
  build: {
    outDir: at(`../dist/pages/${page}`),
    emptyOutDir: true,
    // Content-Security-Policy has no place for data: addresses of scripts and fonts.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
})
