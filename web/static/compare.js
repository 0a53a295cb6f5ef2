// Two exports held against each other, as the server found them.

import './connection.js';
import './theme.js';
import { api, connection, explain } from './api.js';
import { breakable, byId, el, message, setText } from './dom.js';
import { bytes, capital, listed, moment, number, plural, STATES } from './format.js';
import { learnNames, name } from './names.js';

const SHOWN = 12;

const query = new URLSearchParams(location.search);
const [a, b] = [query.get('a') ?? '', query.get('b') ?? ''];
let found = null;

const link = (task) =>
  el('a', { href: `/export?task=${encodeURIComponent(task.task_id)}` }, breakable(task.file_name ?? task.task_id));
const state = (task) => el('span', { class: 'state', data: { state: task.status } }, STATES[task.status]);

/** A table of two columns; `rows` are [what, a, b, differs]. */
function sides(caption, heads, rows) {
  return el(
    'table',
    { class: 'sides' },
    el('caption', { class: 'sr-only' }, caption),
    el('colgroup', {}, el('col'), el('col'), el('col')),
    el('thead', {}, el('tr', {}, ...heads.map((text) => el('th', { scope: 'col' }, text)))),
    el('tbody', {}, ...rows.map(([what, first, second, differs]) =>
      el('tr', { data: { differs: String(differs) } },
        el('th', { scope: 'row' }, what, differs ? el('span', { class: 'sr-only' }, ', different') : null),
        el('td', {}, first), el('td', {}, second)))),
  );
}

const panel = (heading, ...content) => el('section', { class: 'panel' }, el('h2', {}, heading), ...content);
const heads = (first) => [first, 'First', 'Second'];

function difference({ difference: by }) {
  if (!by) return '';
  return ` (${by > 0 ? '+' : '−'}${number(Math.abs(by))})`;
}

function files({ a: one, b: two, rows, sha256 }) {
  const digest = (task) => (task.sha256 ? el('code', {}, task.sha256) : '–');
  const notes = one.note || two.note ? [['Note', one.note ?? '–', two.note ?? '–', false]] : [];
  return panel(
    'The files',
    sides('The files', heads('What'), [
      ['Export', link(one), link(two), false],
      ['State', state(one), state(two), one.status !== two.status],
      ['Accepted', moment(one.created_at), moment(two.created_at), false],
      ['Rows', number(rows.a), `${number(rows.b)}${difference(rows)}`, rows.difference !== 0],
      ['Size', bytes(one.size), bytes(two.size), one.size !== two.size],
      ['SHA-256', digest(one), digest(two), sha256.same === false],
      ...notes,
    ]),
  );
}

/** A value of a request in words. */
function worded(value) {
  if (value === null || value === undefined) return '–';
  if (Array.isArray(value)) return value.length ? listed(value.map(worded), SHOWN) : 'none';
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (typeof value === 'object') return value.as ? `${value.name} as ${value.as}` : JSON.stringify(value);
  return String(value);
}

/** `expiries of NSE_INDEX|Nifty 50` as people say it. */
function what(key) {
  const match = /^expiries of (.*)$/.exec(key);
  if (match) return `Expiries of ${name(match[1])}`;
  return capital(key.replaceAll('_', ' '));
}

function asked({ spec }) {
  if (!spec.length) return panel('What was asked for', el('p', { class: 'sub-hint' }, 'Both asked for the same.'));
  const value = (key, raw) => worded(key === 'instruments' && Array.isArray(raw) ? raw.map(name) : raw);
  return panel(
    'What was asked for differently',
    sides('What was asked for differently', heads('What'), spec.map((one) => [what(one.what), value(one.what, one.a), value(one.what, one.b), false])),
  );
}

function contracts({ contracts: counts }) {
  if (counts === null) return null;
  const figure = (text, value) => el('div', { class: 'figure' }, el('dt', {}, text), el('dd', { class: 'num' }, number(value)));
  const rows = (value) => (value === null || value === undefined ? 'not in it' : plural(value, 'row'));
  const more = counts.only_a + counts.only_b + counts.different - counts.examples.length;
  return panel(
    'Contracts',
    el('dl', { class: 'figures' },
      figure('Different', counts.different), figure('Only in the first', counts.only_a), figure('Only in the second', counts.only_b)),
    counts.examples.length
      ? sides('Contracts that differ', heads('Contract'), counts.examples.map((one) => [one.contract, rows(one.rows_a), rows(one.rows_b), false]))
      : el('p', { class: 'sub-hint' }, 'Every contract is in both, with the same candles.'),
    more > 0 ? el('p', { class: 'sub-hint' }, `and ${number(more)} more`) : null,
  );
}

function verdict({ same, rows, spec }) {
  const node = byId('verdict');
  const text = {
    true: 'The same file, byte for byte.',
    false: rows.difference ? `Different files: ${plural(Math.abs(rows.difference), 'row')} ${rows.difference > 0 ? 'more' : 'fewer'} in the second.`
      : 'Different files; the number of rows is the same.',
    null: 'One of them has no checksum, so the files cannot be told apart.',
  }[String(same)];
  const why = same === false && !spec.length ? ' Both asked for the same, so the database has changed in between, or only the time of the export stands in them.' : '';
  setText(node, text + why);
  node.classList.toggle('verdict-good', same === true);
  node.classList.toggle('verdict-bad', same === false);
}

function draw() {
  if (!found) return;
  verdict(found);
  byId('comparison').replaceChildren(...[files(found), asked(found), contracts(found)].filter(Boolean));
}

async function load() {
  if (!a || !b) {
    setText(byId('verdict'), 'Choose two exports in the history.');
    return;
  }
  try {
    found = await api.compare(a, b);
    message(byId('notice'), null);
    draw();
  } catch (error) {
    setText(byId('verdict'), 'There is nothing to compare.');
    message(byId('notice'), explain(error, 'Comparing'));
  }
}

connection.addEventListener('back', load);
learnNames().then(draw);
load();
