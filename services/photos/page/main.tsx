import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import '../../shared/page/theme.css'
import { App } from './App.tsx'
import './photos.css'

createRoot(document.getElementById('page') as HTMLElement).render(
  <StrictMode>
    <App />
  </StrictMode>,
)
