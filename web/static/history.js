// Every export that the server has accepted, live.

import './connection.js';
import './theme.js';
import { announce } from './announce.js';
import { api, connection, explain } from './api.js';
import { confirm } from './dialog.js';
import { byId, debounce, message, setText, show } from './dom.js';
import { Feed, FEED_LABEL } from './feed.js';
import { bytes, FINAL, plural, STATES } from './format.js';
import { historyFilter } from './historyfilter.js';
import { historyRow } from './historyrow.js';
import { learnNames, name } from './names.js';

const AGES_EVERY = 20000;

const body = byId('tasks');
const rows = new Map(); // task id -> row, in no order; the table has it
const told = new Map(); // task id -> the state in which it was last asked for
let cursor = null;
let asking = 0;
let wanted = 0; // the number of the list that is wanted; late answers for another are dropped
let picks = []; // ids of up to two exports to compare, in the order of choosing

const filter = historyFilter({
  changed() {
    cursor = null;
    rows.clear();
    body.replaceChildren();
    wanted += 1;
    picked();
    load();
  },
});

function draw() {
  const any = rows.size > 0;
  show(byId('history-frame'), any);
  show(byId('blank'), !any && asking === 0);
  show(byId('more'), cursor !== null);
  const { state, narrow } = filter;
  setText(byId('blank-title'), narrow ? 'Nothing is found' : state ? `No export is ${STATES[state].toLowerCase()}` : 'No exports yet');
  setText(
    byId('blank-text'),
    narrow
      ? 'No export is like that. A search needs every word, in the file’s name, the note, the instruments or the id.'
      : state ? 'Choose another state above to see the others.' : 'Exports appear here as soon as they are accepted, and stay after a restart.',
  );
}

/** Two ticked exports can be compared; a third takes the place of the first. */
function picked(box = null) {
  if (box?.checked) picks.push(box.value);
  else if (box) picks = picks.filter((id) => id !== box.value);
  picks = picks.filter((id) => rows.has(id)).slice(-2);
  for (const [id, row] of rows) row.box.checked = picks.includes(id);
  show(byId('chosen'), picks.length > 0);
  const [a, b] = picks;
  setText(byId('chosen-text'), b ? 'Two exports chosen' : 'Choose a second export to compare');
  const link = byId('compare');
  show(link, Boolean(b));
  if (!b) return;
  // The older one comes first, as what was before.
  const [first, second] = [a, b].sort((one, other) => newerFirst(rows.get(other).task, rows.get(one).task));
  link.href = `/compare?${new URLSearchParams({ a: first, b: second })}`;
}

function failed(error, doing) {
  message(byId('notice'), explain(error, doing));
}

function drop(id) {
  const row = rows.get(id);
  if (!row) return;
  const hadFocus = row.node.contains(document.activeElement);
  const next = row.node.nextElementSibling ?? row.node.previousElementSibling;
  row.node.remove();
  rows.delete(id);
  picked();
  if (hadFocus) (next?.querySelector('a, button') ?? byId('main')).focus();
  draw();
}

const newerFirst = (one, other) => (one.created_at < other.created_at ? 1 : one.created_at > other.created_at ? -1 : 0);

/** Puts a task where it belongs; unknown ones beyond the loaded end wait for "Load older". */
function put(task, { loading = false } = {}) {
  const known = rows.get(task.task_id);
  if (filter.state && task.status !== filter.state) {
    if (known) drop(task.task_id);
    return;
  }
  if (known) {
    known.draw(task);
    return;
  }
  if (filter.narrow && !loading) {
    // Only the server can tell whether it is among what is searched for; one question a state.
    if (told.get(task.task_id) !== task.status) loadSoon();
    told.set(task.task_id, task.status);
    return;
  }
  const after = [...body.children].find((node) => newerFirst(task, { created_at: node.dataset.created }) < 0);
  if (!after && !loading && cursor !== null) return;
  const row = historyRow(task, { name, failed, gone: () => drop(task.task_id), picked });
  rows.set(task.task_id, row);
  body.insertBefore(row.node, after ?? null);
}

async function load({ older = false } = {}) {
  const mine = (asking += 1);
  const list = wanted;
  try {
    const page = await api.tasks({ ...filter.query, cursor: older ? cursor : '' });
    if (list !== wanted) return;
    if (!older) {
      const still = new Set(page.tasks.map((task) => task.task_id));
      for (const id of [...rows.keys()]) if (!still.has(id)) drop(id);
    }
    page.tasks.forEach((task) => put(task, { loading: true }));
    cursor = page.next_cursor ?? null;
    message(byId('notice'), null);
  } catch (error) {
    if (list === wanted) failed(error, 'Loading the history');
    return;
  } finally {
    if (mine === asking) asking = 0;
    draw();
  }
}

const loadSoon = debounce(300, () => load());

const feed = new Feed('/api/export/ws', {
  poll: async () => (await api.tasks({ limit: 100 })).tasks,
  onTasks(tasks, type) {
    for (const task of tasks) {
      const before = rows.get(task.task_id)?.task;
      put(task);
      if (type !== 'snapshot' && before && !FINAL.has(before.status) && FINAL.has(task.status)) {
        announce(`${task.file_name ?? 'An export'}: ${STATES[task.status].toLowerCase()}`, { urgent: true });
      }
    }
    draw();
  },
  onState(now) {
    byId('feed').dataset.state = now;
    setText(byId('feed'), FEED_LABEL[now] ?? '');
  },
});

byId('chosen-none').addEventListener('click', () => {
  const [first] = picks;
  picks = [];
  picked();
  rows.get(first)?.box.focus();
});

byId('more').addEventListener('click', async () => {
  const last = body.lastElementChild;
  await load({ older: true });
  // The button may be gone now; reading goes on with the first row that came.
  (last?.nextElementSibling ?? last)?.querySelector('a')?.focus();
});

/** What a purge would do here, in words. */
async function limits() {
  const { limits: kept } = await api.health();
  const rules = [];
  if (kept.keep_days) rules.push(`older than ${plural(kept.keep_days, 'day')}`);
  if (kept.keep_bytes) rules.push(`beyond ${bytes(kept.keep_bytes)} in all, the oldest first`);
  if (!rules.length) {
    return 'This server keeps finished files for ever (no --keep-days, no --keep-bytes), so only what interrupted exports left behind is removed.';
  }
  return `Files ${rules.join(' or ')} are removed, and what interrupted exports left behind. Their entries stay here, marked as expired.`;
}

byId('purge').addEventListener('click', async () => {
  try {
    const text = await limits();
    if (!(await confirm({ title: 'Remove old files?', text, yes: 'Remove old files' }))) return;
    await purge();
  } catch (error) {
    failed(error, 'Removing old files');
  }
});

async function purge() {
  const { removed, bytes: freed } = await api.purge();
  const text = removed
    ? `${plural(removed, 'file')} removed, ${bytes(freed)} freed.`
    : 'There was nothing to remove.';
  message(byId('notice'), { kind: 'info', title: text });
  announce(text, { urgent: true });
}

setInterval(() => rows.forEach((row) => row.tick()), AGES_EVERY);
connection.addEventListener('back', () => load());
addEventListener('pagehide', () => feed.close());
addEventListener('pageshow', (event) => {
  if (event.persisted) location.reload();
});

load();
learnNames().then((instruments) => {
  filter.offer(instruments);
  rows.forEach((row) => row.rename());
});
