import { announce } from '../../services/shared/announce.ts'

const announced = announce({ upstream: 'photos', url: 'http://127.0.0.1:3000', token: process.env.GATEHOUSE_TOKEN ?? '' })

process.once('SIGTERM', async () => {
  await announced.draining()
  await announced.leave()
})
