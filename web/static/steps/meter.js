// The bar of a running export and the figures under it.

import { el, setAttributes, setText, show } from '../dom.js';
import { bytes, duration, FINAL, number } from '../format.js';

const percent = (task) => Math.min(100, Math.max(0, task.progress));

/** The bar alone, as the history shows it too. */
export function bar(label) {
  const fill = el('div', { class: 'progress-fill' });
  const node = el(
    'div',
    { class: 'progress', role: 'progressbar', 'aria-valuemin': 0, 'aria-valuemax': 100, ...label },
    fill,
  );
  function draw(task) {
    node.dataset.state = task.status;
    const value = percent(task);
    fill.style.transform = task.status === 'queued' ? '' : `translateX(${value - 100}%)`;
    setAttributes(node, { 'aria-valuenow': Math.floor(value), 'aria-valuetext': spoken(task) });
  }
  return { node, draw };
}

function spoken(task) {
  if (task.status === 'queued') return 'Waiting to start';
  return `${Math.floor(percent(task))} percent, ${rows(task)}`;
}

function rows(task) {
  if (typeof task.rows_total !== 'number') return `${number(task.rows_done)} rows`;
  return `${number(task.rows_done)} of ${number(task.rows_total)} rows`;
}

function attempt(task) {
  if (!(task.attempt > 1)) return '';
  return task.resumed_from_rows > 0
    ? `Attempt ${task.attempt}: the server was interrupted, and the export went on after ${number(task.resumed_from_rows)} rows that were already written.`
    : `Attempt ${task.attempt}: the server was interrupted before anything was written, and the export began again.`;
}

/** The large bar with its numbers; it disappears once a file is there. */
export function meter() {
  const large = el('span', { class: 'task-percent num' });
  const done = el('span', { class: 'task-rows num' });
  const now = el('p', { class: 'task-now' });
  const note = el('p', { class: 'task-note' });
  const line = bar({ 'aria-labelledby': 'h-task' });
  const cells = {};
  const figure = (key, label) =>
    el('div', { class: 'figure' }, el('dt', {}, label), (cells[key] = el('dd', { class: 'num' }, '–')));
  const figures = el(
    'dl',
    { class: 'figures' },
    figure('contracts', 'Contracts'),
    figure('written', 'Written'),
    figure('rate', 'Rate'),
    figure('left', 'Time left'),
  );
  const node = el(
    'section',
    { class: 'panel task-meter', 'aria-label': 'Progress' },
    el('div', { class: 'task-numbers' }, large, done),
    line.node,
    now,
    figures,
    note,
  );

  function draw(task) {
    const running = task.status === 'processing';
    line.draw(task);
    show(node, task.status !== 'completed' && task.status !== 'expired');
    show(figures, running);
    setText(large, task.status === 'queued' ? 'Waiting' : `${Math.floor(percent(task))} %`);
    setText(done, task.status === 'queued' ? 'Starts as soon as a place is free' : rows(task));
    setText(now, FINAL.has(task.status) ? '' : running && task.contract ? `Now ${task.contract}` : task.status_message ?? '');
    show(now, now.textContent !== '');
    setText(cells.contracts, `${number(task.contracts_done)} of ${number(task.contracts_total)}`);
    setText(cells.written, bytes(task.bytes_done));
    setText(cells.rate, task.rate > 0 ? `${number(Math.round(task.rate))} rows/s` : '–');
    setText(cells.left, typeof task.eta_s === 'number' ? duration(task.eta_s) : '–');
    setText(note, attempt(task));
    show(note, note.textContent !== '');
  }
  return { node, draw };
}

export { attempt };
