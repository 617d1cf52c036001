import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import '../../shared/page/theme.css'
import './camera.css'
import { App } from './App.tsx'

const page = document.getElementById('page')
if (page)
  createRoot(page).render(
    <StrictMode>
      <App />
    </StrictMode>,
  )
