export { QueuePanel } from './QueuePanel'
export { useQueue, type Progress } from './state'
