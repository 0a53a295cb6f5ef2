// Progress and ends for those who look or listen elsewhere; quarters are said, not every step.

import { announce, notify, title } from '../announce.js';
import { bytes, number, plural } from '../format.js';

const said = new Map(); // task id -> the last quarter announced

export function tellProgress(task) {
  const percent = Math.floor(task.progress);
  title(task.status === 'queued' ? 'Waiting' : `${percent} %`);
  const quarter = Math.floor(percent / 25);
  const before = said.get(task.task_id);
  said.set(task.task_id, quarter);
  if (before !== undefined && quarter > before && quarter < 4) announce(`${quarter * 25} percent done`);
}

const ENDS = {
  completed: (task) => ['Done', `Export finished: ${plural(task.rows_done, 'row')}, ${bytes(task.size)}.`],
  failed: (task) => ['Failed', `Export failed: ${task.error ?? task.error_code}`],
  cancelled: () => ['Cancelled', 'Export cancelled.'],
  expired: () => ['Expired', 'The file of this export has been removed.'],
};

/** `fresh`: it has just happened, so it is announced; otherwise only the title tells it. */
export function tellEnd(task, { fresh }) {
  const [short, text] = ENDS[task.status](task);
  title(task.file_name && task.status === 'completed' ? `${short}: ${task.file_name}` : short);
  if (!fresh) return;
  announce(text, { urgent: true });
  notify(`Export ${short.toLowerCase()}`, task.file_name ? `${task.file_name}\n${number(task.rows_done)} rows` : text);
}
