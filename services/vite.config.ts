import { fileURLToPath } from 'node:url'
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

/** The page of one service: `SERVICE=photos vite build --config services/vite.config.ts`. */
const service = process.env.SERVICE ?? ''
const at = (path: string) => fileURLToPath(new URL(path, import.meta.url))

export default defineConfig({
  root: at(`${service}/page`),
  // A page may be served below a path: it names its files from where it is.
  base: './',
  plugins: [react()],
  build: {
    outDir: at(`../dist/pages/${service}`),
    emptyOutDir: true,
    // Content-Security-Policy has no place for data: addresses of scripts and fonts.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
})
