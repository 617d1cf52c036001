import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import './page.css'
import { App } from './App.tsx'

createRoot(document.getElementById('page') as HTMLElement).render(
  <StrictMode>
    <App />
  </StrictMode>,
)
