// The server's JSON calls. Every failure comes out as one ApiError with a sentence for people.

import { sentence } from './format.js';

export const connection = new EventTarget();

export class ApiError extends Error {
  constructor(message, { status = 0, code = 'offline', problems = [], id = null, retryAfter = null } = {}) {
    super(message);
    Object.assign(this, { status, code, problems, id, retryAfter });
  }

  get offline() {
    return this.code === 'offline';
  }
}

async function failure(response) {
  let body = {};
  try {
    body = await response.json();
  } catch {
    // A proxy's error page is not JSON; the status line says enough.
  }
  const text = typeof body.error === 'string' ? body.error : `The server answered ${response.status}.`;
  return new ApiError(text, {
    status: response.status,
    code: body.code ?? 'http',
    problems: Array.isArray(body.problems) ? body.problems : [],
    id: body.id ?? null,
    retryAfter: Number(response.headers.get('Retry-After')) || null,
  });
}

async function call(method, path, { body, signal, key = null, quiet = false, also = null } = {}) {
  let response;
  try {
    response = await fetch(path, {
      method,
      signal,
      headers: {
        ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
        ...(key === null ? {} : { 'Idempotency-Key': key }),
      },
      body: body === undefined ? undefined : JSON.stringify(body),
      cache: 'no-store',
    });
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    if (!quiet) connection.dispatchEvent(new Event('lost'));
    throw new ApiError('The server does not answer.');
  }
  if (response.status === 401) location.assign('/login');
  if (!response.ok && response.status !== also) throw await failure(response);
  return response.status === 204 ? null : response.json();
}

const task = (id) => encodeURIComponent(id);

const asQuery = (values) =>
  new URLSearchParams(Object.entries(values).filter(([, value]) => value !== '' && value !== null && value !== undefined));

/** A list of things with names: templates, schedules. */
const kept = (path) => ({
  list: () => call('GET', path),
  get: (id) => call('GET', `${path}/${task(id)}`),
  add: (body) => call('POST', path, { body }),
  change: (id, body) => call('PUT', `${path}/${task(id)}`, { body }),
  remove: (id) => call('DELETE', `${path}/${task(id)}`),
  act: (id, what) => call('POST', `${path}/${task(id)}/${what}`),
});

export const api = {
  instruments: () => call('GET', '/api/instruments'),
  expiries: (instruments) => call('POST', '/api/export/available-expiries', { body: { instruments } }),
  preview: (body, signal) => call('POST', '/api/export/preview', { body, signal }),
  start: (body, key) => call('POST', '/api/export/start', { body, key }),
  status: (id, options) => call('GET', `/api/export/status/${task(id)}`, options),
  tasks: (filters = {}, options = {}) => call('GET', `/api/export/tasks?${asQuery({ limit: 50, ...filters })}`, options),
  note: (id, note) => call('PATCH', `/api/export/tasks/${task(id)}`, { body: { note } }),
  compare: (a, b) => call('GET', `/api/export/compare?${asQuery({ a, b })}`),
  options: () => call('GET', '/api/options'),
  templates: {
    ...kept('/api/templates'),
    take: (document) => call('POST', '/api/templates/import', { body: document }),
    file: (id) => `/api/templates/${task(id)}/file`,
  },
  schedules: {
    ...kept('/api/schedules'),
    runs: (id, cursor) => call('GET', `/api/schedules/${task(id)}/runs?${asQuery({ limit: 20, cursor })}`),
    explain: (cron, signal) => call('POST', '/api/schedules/explain', { body: { cron }, signal }),
  },
  cancel: (id) => call('POST', `/api/export/tasks/${task(id)}/cancel`),
  retry: (id) => call('POST', `/api/export/tasks/${task(id)}/retry`),
  remove: (id) => call('DELETE', `/api/export/tasks/${task(id)}`),
  purge: () => call('POST', '/api/admin/purge'),
  // 503 is how it says that something is wrong; the report is there all the same.
  health: (options) => call('GET', '/api/health', { ...options, also: 503 }),
};

/** What to show for a failure: a title and lines that say what to do. */
export function explain(error, doing) {
  if (error.offline) {
    return {
      kind: 'error',
      title: `${doing} failed: the server does not answer.`,
      lines: ['Check that it is running. This page goes on by itself as soon as it answers.'],
    };
  }
  const lines = (error.problems.length ? error.problems : [error.message]).map(sentence);
  if (error.retryAfter) lines.push(`Try again in ${error.retryAfter} s.`);
  if (error.id && !lines.some((line) => line.includes(error.id))) lines.push(`The server's log has the details under ${error.id}.`);
  return { kind: 'error', title: `${doing} failed.`, lines };
}
