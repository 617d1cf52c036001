import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import '../../shared/page/theme.css'
import './page.css'
import { App } from './App.tsx'

createRoot(document.getElementById('page') as HTMLElement).render(
  <StrictMode>
    <App />
  </StrictMode>,
)
