// How the server is: what it reads, where it writes, what it is doing.

import './connection.js';
import './theme.js';
import { api, connection, explain } from './api.js';
import { byId, el, message, setText } from './dom.js';
import { advice } from './advice.js';
import { bytes, duration, number, plural, sentence, STATES } from './format.js';
import { facts } from './summary.js';

const EVERY = 5000;
const cards = byId('cards');
const drawn = new Map(); // card's key -> {node, look}
let timer = 0;
let asked = 0;

const mark = (ok, good, bad) => el('span', { class: 'state', data: { state: ok ? 'completed' : 'failed' } }, ok ? good : bad);

function gauge(label, share, { bad = false } = {}) {
  const percent = Math.round(Math.min(1, Math.max(0, share)) * 100);
  const fill = el('div', { class: 'progress-fill' });
  fill.style.transform = `translateX(${percent - 100}%)`;
  return el(
    'div',
    {
      class: 'progress gauge', role: 'meter', 'aria-label': label, 'aria-valuemin': 0, 'aria-valuemax': 100,
      'aria-valuenow': percent, data: { state: bad ? 'failed' : 'processing' },
    },
    fill,
  );
}

const figure = (value, unit) => el('p', { class: 'card-figure num' }, value, ' ', el('small', {}, unit));

function database(db) {
  return {
    state: mark(db.ok, db.demo ? 'Demo' : 'Open', 'Not open'),
    parts: [
      db.ok
        ? figure(number(db.contracts), `contracts of ${number(db.instruments)} instruments`)
        : el('div', { class: 'message error' }, el('p', {}, sentence(db.error ?? 'The database cannot be opened')), el('p', {}, advice(db.code))),
      facts([
        ['File', db.path],
        ['Size', db.ok ? bytes(db.size) : null],
        ['Newest candle', db.newest_candle ? db.newest_candle.slice(0, 16).replace('T', ' ') : db.ok ? 'none yet' : null],
      ]),
    ],
  };
}

function keeping({ keep_days: days, keep_bytes: most }) {
  const rules = [];
  if (days) rules.push(`for ${plural(days, 'day')}`);
  if (most) rules.push(`up to ${bytes(most)}`);
  return rules.join(', ') || 'until they are deleted';
}

function disk(one, limits) {
  return {
    state: mark(one.ok, 'Enough room', 'Too full'),
    parts: [
      figure(bytes(one.free), `free of ${bytes(one.total)}`),
      gauge('Disk in use', 1 - one.free / one.total, { bad: !one.ok }),
      facts([['Folder', one.path], ['Kept free', bytes(one.keep_free)], ['Files stay', keeping(limits)]]),
    ],
  };
}

function queue(one) {
  const idle = one.processing === 0 && one.queued === 0;
  return {
    state: el('span', { class: 'state', data: { state: idle ? 'idle' : 'processing' } }, idle ? 'Idle' : 'Busy'),
    parts: [
      figure(number(one.processing), `running, ${number(one.queued)} waiting`),
      gauge('Places in use', one.processing / one.max_exports),
      facts([['At once', number(one.max_exports)], ['Queue', `${number(one.queued)} of ${number(one.max_queue)} places`]]),
    ],
  };
}

function tasks(counts) {
  return {
    parts: [
      figure(number(Object.values(counts).reduce((sum, one) => sum + one, 0)), 'exports on record'),
      facts(Object.entries(STATES).map(([state, label]) => [label, number(counts[state] ?? 0), 'num'])),
    ],
  };
}

function memory(health) {
  const { rss, limit } = health.memory;
  return {
    parts: [
      figure(bytes(rss), limit ? `of ${bytes(limit)}` : 'in use'),
      limit ? gauge('Memory in use', rss / limit, { bad: rss > limit * 0.9 }) : null,
      facts([
        ['Exports wait', limit ? `above ${bytes(limit)}` : null],
        ['Processor', `${duration(health.cpu_s)} since the start`],
      ]),
    ],
  };
}

function process(health) {
  return {
    parts: [
      figure(duration(health.uptime_s), 'up'),
      facts([
        ['Version', health.version],
        ['Loop delay', `${number(Math.round(health.loop_lag_ms))} ms`],
        ['Live pages', number(health.feed_clients)],
      ]),
    ],
  };
}

/** Draws a card anew only when it says something else, so that a selection in it survives. */
function put(key, heading, { state = null, parts }) {
  const node = el(
    'section',
    { class: 'card', 'aria-labelledby': `h-${key}` },
    el('header', {}, el('h2', { id: `h-${key}` }, heading), state),
    ...parts.filter(Boolean),
  );
  const before = drawn.get(key);
  if (before?.isEqualNode(node)) return;
  if (before) before.replaceWith(node);
  else cards.append(node);
  drawn.set(key, node);
}

function draw(health) {
  const well = health.status === 'ok';
  setText(byId('status-lede'), well ? 'Everything works.' : 'Something needs attention.');
  message(
    byId('notice'),
    health.problems.length ? { kind: 'warning', title: 'What needs attention', lines: health.problems.map(sentence) } : null,
  );
  put('database', 'Database', database(health.database));
  put('disk', 'Exports folder', disk(health.disk, health.limits));
  put('queue', 'Queue', queue(health.queue));
  put('tasks', 'Exports', tasks(health.tasks));
  put('memory', 'Memory', memory(health));
  put('process', 'Server', process(health));
}

function tellAge() {
  if (!asked) return;
  const seconds = Math.round((Date.now() - asked) / 1000);
  setText(byId('status-age'), seconds < 8 ? 'Up to date' : `As of ${duration(seconds)} ago`);
}

async function refresh() {
  clearTimeout(timer);
  byId('status-refresh').setAttribute('aria-busy', 'true');
  try {
    draw(await api.health());
    asked = Date.now();
  } catch (error) {
    setText(byId('status-lede'), asked ? 'The figures below are the last that came.' : 'Nothing is known yet.');
    if (!error.offline) message(byId('notice'), explain(error, 'Asking the server'));
  } finally {
    byId('status-refresh').removeAttribute('aria-busy');
    tellAge();
    timer = setTimeout(() => (document.hidden ? tellAge() : refresh()), EVERY);
  }
}

byId('status-refresh').addEventListener('click', refresh);
document.addEventListener('visibilitychange', () => {
  if (!document.hidden) refresh();
});
connection.addEventListener('back', refresh);
refresh();
