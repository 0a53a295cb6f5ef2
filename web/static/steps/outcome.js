// How an export ended: the file with its proofs, or what happened and what to do.

import { advice } from '../advice.js';
import { copyButton } from '../commands.js';
import { breakable, el } from '../dom.js';
import { bytes, duration, moment, number, sentence } from '../format.js';
import { facts } from '../summary.js';
import { attempt } from './meter.js';

// Measured by the server: the two moments may be by differently set clocks.
const seconds = (task) => task.work_s ?? NaN;

function box(kind, heading, lines) {
  return el(
    'div',
    { class: `message ${kind}`, role: 'note' },
    el('p', { class: 'message-title' }, heading),
    ...(lines.length > 1
      ? [el('ul', {}, ...lines.map((line) => el('li', {}, line)))]
      : lines.map((line) => el('p', {}, line))),
  );
}

function took(task) {
  const time = seconds(task);
  if (!(time >= 0)) return null;
  if (time < 0.1) return 'less than 0.1 s';
  return time < 10 ? `${time.toFixed(1)} s` : duration(time);
}

function checksum(task) {
  return el(
    'div',
    { class: 'checksum' },
    el('code', { id: 'sha256' }, task.sha256),
    copyButton('Copy', () => task.sha256, { described: 'Copy the SHA-256' }),
  );
}

function file(task) {
  return el(
    'section',
    { class: 'panel', 'aria-label': 'The file' },
    facts([
      ['File', breakable(task.file_name)],
      ['Rows', number(task.rows_done), 'num'],
      ['Size', `${bytes(task.size)} (${number(task.size)} bytes)`, 'num'],
      ['Contracts', number(task.contracts_total), 'num'],
      ['Duplicates', task.duplicates_dropped ? `${number(task.duplicates_dropped)} dropped, one candle per minute stays` : null],
      ['SHA-256', task.status === 'completed' ? checksum(task) : el('code', {}, task.sha256)],
      ['Finished', moment(task.finished_at)],
      ['Took', took(task)],
      ['Note', attempt(task)],
    ]),
  );
}

function retryOf(task) {
  if (!task.retry_of) return null;
  return el('p', { class: 'side-note' }, 'A retry of ',
    el('a', { href: `/export?task=${encodeURIComponent(task.retry_of)}` }, 'an earlier export'), '.');
}

/** The nodes under the bar; none while it runs without a warning. */
export function outcome(task) {
  const nodes = [];
  if (task.status === 'failed') {
    nodes.push(box('error', sentence(task.error ?? 'The export failed'), [advice(task.error_code), `Code: ${task.error_code}`]));
  } else if (task.status === 'cancelled') {
    nodes.push(box('info', 'This export was cancelled.', ['Nothing was kept. Retry runs it again from the beginning.']));
  } else if (task.status === 'expired') {
    nodes.push(box('info', 'The file has been removed to make room.', ['Retry makes it again from the database.']));
  }
  if (task.status === 'completed' || task.status === 'expired') nodes.push(file(task));
  if (task.warnings.length) nodes.push(box('warning', 'Worth knowing', task.warnings.map(sentence)));
  return [...nodes, retryOf(task)].filter(Boolean);
}
