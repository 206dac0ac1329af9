import { read, write } from '../workflow/json'
import type { Json, Workflow } from '../workflow/types'
import type {
  CallRecord, Catalogue, Fault, ImageAbout, Job, JobInFull, Order, Plan, Recipe, Stats, Upload, ValueAbout, WorkflowAbout,
} from './types'

/** Why the server said no, or that it does not answer (status 0). */
export class Refused extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly faults: Fault[] = [],
  ) {
    super(message)
  }
}

interface Options {
  method?: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** Sent as JSON, its numbers as they were written. */
  json?: unknown
  body?: Blob
  headers?: Record<string, string>
  signal?: AbortSignal
}

async function ask(address: string, { method = 'GET', json, body, headers = {}, signal }: Options = {}): Promise<Response> {
  const content: Record<string, string> = json !== undefined ? { 'Content-Type': 'application/json' } : body ? { 'Content-Type': body.type } : {}
  let response: Response
  try {
    response = await fetch(address, {
      method,
      headers: { ...content, ...headers },
      ...(json !== undefined ? { body: write(json as Json) } : body ? { body } : {}),
      ...(signal ? { signal } : {}),
    })
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error
    throw new Refused(0, String(error))
  }
  if (response.ok) return response
  const problem = await response.json().catch(() => null)
  throw new Refused(response.status, problem?.error ?? `${response.status} ${response.statusText}`, problem?.faults ?? [])
}

/** The answer's JSON, its numbers kept as they were written (`read`). */
async function askFor<T>(address: string, options?: Options): Promise<T> {
  return read(await (await ask(address, options)).text()) as T
}

const name = encodeURIComponent

/** The server's API (docs/api.md), a function an address. Each throws `Refused`. */
export const api = {
  nodes: () => askFor<Catalogue>('/api/nodes'),
  stats: () => askFor<Stats>('/api/stats'),
  models: () => askFor<{ models: { name: string; parts: string[]; default: boolean }[] }>('/api/models'),

  plan: (order: Order, signal?: AbortSignal) => askFor<Plan>('/api/plan', { method: 'POST', json: order, ...(signal ? { signal } : {}) }),

  send: (order: Order, key: string) =>
    askFor<Job>('/api/jobs', { method: 'POST', json: order, headers: { 'Idempotency-Key': key } }),
  job: (id: string) => askFor<JobInFull>(`/api/jobs/${id}`),
  jobs: (query: Record<string, string> = {}) =>
    askFor<{ jobs: Job[]; total: number; next: string | null }>(`/api/jobs?${new URLSearchParams(query)}`),
  calls: (id: string, after = 0) => askFor<{ calls: CallRecord[]; next: number | null }>(`/api/jobs/${id}/calls?limit=5000&after=${after}`),
  queue: () => askFor<{ running: Job[]; waiting: Job[] }>('/api/queue'),
  change: (id: string, what: 'cancel' | 'pause' | 'resume' | 'retry') => askFor<Job>(`/api/jobs/${id}/${what}`, { method: 'POST' }),
  move: (id: string, before: string | null) =>
    askFor<{ running: Job[]; waiting: Job[] }>(`/api/jobs/${id}/move`, { method: 'POST', json: { before } }),
  forget: (id: string) => ask(`/api/jobs/${id}`, { method: 'DELETE' }),

  value: (key: string, job?: string) => askFor<ValueAbout>(`/api/values/${key}${job ? `?job=${job}` : ''}`),
  view: (address: string) => askFor<Json>(address),

  workflows: () => askFor<{ saved: WorkflowAbout[]; templates: WorkflowAbout[] }>('/api/workflows'),
  template: (of: string) => askFor<Workflow>(`/api/templates/${name(of)}`),
  async workflow(of: string): Promise<{ workflow: Workflow; version: string }> {
    const response = await ask(`/api/workflows/${name(of)}`)
    return { workflow: read(await response.text()) as unknown as Workflow, version: response.headers.get('ETag') ?? '' }
  },
  /** `version`: as read, quotes included; `null` takes only a new name, `*` replaces whatever is there. */
  async save(of: string, workflow: Workflow, version: string | null): Promise<string> {
    const headers: Record<string, string> = version ? { 'If-Match': version } : {}
    const response = await ask(`/api/workflows/${name(of)}`, { method: 'PUT', json: workflow, headers })
    return response.headers.get('ETag') ?? ''
  },
  deleteWorkflow: (of: string) => ask(`/api/workflows/${name(of)}`, { method: 'DELETE' }),

  upload: (picture: Blob) => askFor<Upload>('/api/uploads', { method: 'POST', body: picture }),
  uploads: () => askFor<{ uploads: Upload[]; bytes: number; limit: number }>('/api/uploads'),
  deleteUpload: (of: string) => ask(`/api/uploads/${name(of)}`, { method: 'DELETE' }),
  uploadRecipe: (of: string) => askFor<Recipe>(`/api/uploads/${name(of)}/workflow`),
  images: (query: Record<string, string> = {}) =>
    askFor<{ images: ImageAbout[]; next: string | null }>(`/api/images?${new URLSearchParams(query)}`),
  /** The workflow inside a picture that a job wrote; `url` as the server gave it. */
  recipe: (url: string) => askFor<Recipe>(url.replace('/api/images/', '/api/recipes/')),
}

/** The address of a view of a value; the server never gives another answer for it. */
export function viewAddress(key: string, output = '', view = '', params: Record<string, Json> = {}, form: '' | 'png' | 'json' = '', job = ''): string {
  const query = new URLSearchParams()
  const given = { output, view, form, job, ...params }
  for (const [name, value] of Object.entries(given)) if (value !== '' && value !== null) query.set(name, typeof value === 'string' ? value : write(value))
  return `/api/values/${key}/view?${query}`
}
