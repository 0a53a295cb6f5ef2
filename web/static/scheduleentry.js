// One schedule in the list: when, what, how the last run ended, and its runs on request.

import { api } from './api.js';
import { confirm } from './dialog.js';
import { button, el, icon } from './dom.js';
import { age, moment, plural, sentence, STATES } from './format.js';
import { name } from './names.js';
import { slot } from './scheduleform.js';
import { extraLine, oneLine } from './summary.js';

const OUTCOMES = { started: 'Started', skipped: 'Left out', failed: 'Failed', nothing_new: 'Nothing new' };
// Which look of a state an outcome without a task has.
const LOOKS = { failed: 'failed', skipped: 'queued', nothing_new: 'queued', started: 'processing' };

/** What came of a run, as a word with its colour. */
function outcome(run) {
  const state = run.status ?? null;
  return el('span', { class: 'state', data: { state: state ?? LOOKS[run.outcome] } }, state ? STATES[state] : OUTCOMES[run.outcome]);
}

const taskLink = (run, text) => el('a', { href: `/export?task=${encodeURIComponent(run.task_id)}` }, text);

function runsTable(schedule, runs) {
  return el(
    'table',
    { class: 'runs' },
    el('caption', { class: 'sr-only' }, `Runs of ${schedule.name}`),
    el('thead', {}, el('tr', {}, ...['Slot', 'Outcome', 'Why'].map((text) => el('th', { scope: 'col' }, text)))),
    el('tbody', {}, ...runs.map((run) =>
      el('tr', {},
        el('th', { scope: 'row' }, run.task_id ? taskLink(run, slot(run.slot)) : slot(run.slot)),
        el('td', {}, outcome(run)),
        el('td', {}, run.reason ? sentence(run.reason) : '')))),
  );
}

/** Runs, loaded when they are first looked at and once more whenever the last one changes. */
function runsPart(schedule, { open, failed }) {
  const body = el('div', { class: 'opens-body' });
  let runs = [];
  let cursor = null;
  async function load(more = false) {
    try {
      const page = await api.schedules.runs(schedule.id, more ? cursor : null);
      runs = more ? [...runs, ...page.runs] : page.runs;
      cursor = page.next_cursor ?? null;
      body.replaceChildren(
        runs.length ? runsTable(schedule, runs) : el('p', { class: 'sub-hint' }, 'It has not run yet.'),
        ...(cursor ? [el('p', {}, button('Load older', { kind: 'small', on: { click: () => load(true) } }))] : []),
        ...(runs.some((run) => run.task_id)
          ? [el('p', { class: 'sub-hint' }, el('a', { href: `/history?schedule=${encodeURIComponent(schedule.id)}` }, 'Its exports in the history'))]
          : []),
      );
    } catch (error) {
      failed(error, 'Loading the runs');
    }
  }
  const node = el('details', { class: 'opens', data: { part: 'runs' } }, el('summary', {}, icon('chevron'), el('span', {}, 'Runs')), body);
  node.addEventListener('toggle', () => node.open && load());
  node.open = open;
  return node;
}

function nextPart(schedule, { open }) {
  const node = el(
    'details',
    { class: 'opens', data: { part: 'next' } },
    el('summary', {}, icon('chevron'), el('span', {}, 'Next five runs')),
    el('div', { class: 'opens-body' }, el('ol', { class: 'slots num' }, ...schedule.next_runs.map((iso) => el('li', {}, slot(iso))))),
  );
  node.open = open;
  return node;
}

function last(run) {
  if (!run) return 'not yet';
  const when = el('time', { datetime: run.slot, title: moment(run.slot) }, age(run.slot));
  return el('span', {}, outcome(run), ' ', run.task_id ? el('a', { href: `/export?task=${encodeURIComponent(run.task_id)}` }, when) : when);
}

function keeping({ keep_runs: runs, keep_days: days, only_new: onlyNew, missed }) {
  const parts = [];
  if (onlyNew) parts.push('only new expiries');
  if (missed === 'skip') parts.push('missed runs are left out');
  if (runs) parts.push(`files of the last ${plural(runs, 'run')} stay`);
  if (days) parts.push(`files stay ${plural(days, 'day')}`);
  return parts.length ? sentence(parts.join(', ')) : '';
}

/**
 * `template` is what it runs, if it is one; `opened` the parts that were open before;
 * `edit()`, `load(id)` after a change, `gone()`, `failed(error, doing)`.
 */
export function scheduleEntry(schedule, { template, opened, edit, load, gone, failed }) {
  const { id, paused } = schedule;
  const attempt = (doing, work) => async () => {
    try {
      await work();
    } catch (error) {
      if (error.status === 404) gone();
      else failed(error, doing);
    }
  };
  const tool = (label, iconName, work, kind = 'small quiet') =>
    button(label, { kind, iconName, 'aria-label': `${label}: ${schedule.name}`, data: { tool: label.split(' ')[0] }, on: { click: work } });
  const act = (doing, what) => attempt(doing, async () => {
    await api.schedules.act(id, what);
    await load(id, what === 'run' ? 'Run' : what === 'pause' ? 'Resume' : 'Pause');
  });
  const remove = attempt('Deleting', async () => {
    const sure = await confirm({
      title: `Delete “${schedule.name}”?`,
      text: 'It does not run again, and which expiries it has exported is forgotten. Its exports and their files stay.',
      yes: 'Delete',
    });
    if (!sure) return;
    await api.schedules.remove(id);
    gone();
  });

  const request = schedule.request ?? template?.request ?? null;
  const more = request ? extraLine(request) : '';
  const rules = keeping(schedule);
  return el(
    'li',
    { class: 'entry', data: { id } },
    el(
      'div',
      { class: 'entry-text' },
      el('div', { class: 'entry-head' },
        el('h2', { class: 'entry-name', tabindex: '-1' }, schedule.name),
        el('span', { class: 'state', data: { state: paused ? 'queued' : 'completed' } }, paused ? 'Paused' : 'Active')),
      el('p', { class: 'entry-about' }, schedule.reading, ' · ', el('code', {}, schedule.cron)),
      el('p', { class: 'entry-about' },
        template ? el('a', { href: `/export?template=${encodeURIComponent(template.id)}` }, template.name) : 'Its own configuration',
        request ? ` · ${oneLine(request, name)}` : ''),
      more ? el('p', { class: 'entry-about' }, more) : null,
      rules ? el('p', { class: 'entry-about' }, rules) : null,
      el('dl', { class: 'when' },
        el('div', {}, el('dt', {}, 'Next run'), el('dd', { class: 'num' }, paused ? 'when it is resumed' : slot(schedule.next_runs[0]))),
        el('div', {}, el('dt', {}, 'Last run'), el('dd', {}, last(schedule.last_run)))),
    ),
    el(
      'div',
      { class: 'row-actions' },
      tool('Run now', 'play', act('Starting the run', 'run'), 'small'),
      paused ? tool('Resume', 'again', act('Resuming', 'resume')) : tool('Pause', 'pause', act('Pausing', 'pause')),
      tool('Edit', 'edit', edit),
      schedule.request
        ? el('a', { class: 'button small quiet', href: `/export?schedule=${encodeURIComponent(id)}`, 'aria-label': `Configuration: ${schedule.name}` },
          icon('chevron'), el('span', {}, 'Configuration'))
        : null,
      tool('Delete', 'remove', remove),
    ),
    el('div', { class: 'entry-wide' },
      paused ? null : nextPart(schedule, { open: opened.has('next') }),
      runsPart(schedule, { open: opened.has('runs'), failed })),
  );
}
