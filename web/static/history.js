// Every export that the server has accepted, live.

import './connection.js';
import './theme.js';
import { announce } from './announce.js';
import { api, connection, explain } from './api.js';
import { confirm } from './dialog.js';
import { byId, message, setText, show } from './dom.js';
import { Feed, FEED_LABEL } from './feed.js';
import { bytes, FINAL, plural, STATES } from './format.js';
import { historyRow } from './historyrow.js';

const AGES_EVERY = 20000;

const body = byId('tasks');
const rows = new Map(); // task id -> row, in no order; the table has it
let state = '';
let cursor = null;
let asking = 0;

const names = new Map();
const name = (key) => names.get(key) ?? key.slice(key.indexOf('|') + 1);

function draw() {
  const any = rows.size > 0;
  show(byId('history-frame'), any);
  show(byId('blank'), !any && asking === 0);
  show(byId('more'), cursor !== null);
  setText(byId('blank-title'), state ? `No export is ${STATES[state].toLowerCase()}` : 'No exports yet');
  setText(
    byId('blank-text'),
    state ? 'Choose another state above to see the others.' : 'Exports appear here as soon as they are accepted, and stay after a restart.',
  );
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
  if (hadFocus) (next?.querySelector('a, button') ?? byId('main')).focus();
  draw();
}

const newerFirst = (one, other) => (one.created_at < other.created_at ? 1 : one.created_at > other.created_at ? -1 : 0);

/** Puts a task where it belongs; unknown ones beyond the loaded end wait for "Load older". */
function put(task, { loading = false } = {}) {
  const known = rows.get(task.task_id);
  if (state && task.status !== state) {
    if (known) drop(task.task_id);
    return;
  }
  if (known) {
    known.draw(task);
    return;
  }
  const after = [...body.children].find((node) => newerFirst(task, { created_at: node.dataset.created }) < 0);
  if (!after && !loading && cursor !== null) return;
  const row = historyRow(task, { name, failed, gone: () => drop(task.task_id) });
  rows.set(task.task_id, row);
  body.insertBefore(row.node, after ?? null);
}

async function load({ older = false } = {}) {
  const mine = (asking += 1);
  const wanted = state;
  try {
    const page = await api.tasks({ state, cursor: older ? cursor : '' });
    if (wanted !== state) return;
    if (!older) {
      const still = new Set(page.tasks.map((task) => task.task_id));
      for (const id of [...rows.keys()]) if (!still.has(id)) drop(id);
    }
    page.tasks.forEach((task) => put(task, { loading: true }));
    cursor = page.next_cursor ?? null;
    message(byId('notice'), null);
  } catch (error) {
    if (wanted === state) failed(error, 'Loading the history');
    return;
  } finally {
    if (mine === asking) asking = 0;
    draw();
  }
}

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

byId('states').addEventListener('change', ({ target }) => {
  state = target.value;
  cursor = null;
  rows.clear();
  body.replaceChildren();
  load();
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
api.instruments().then(
  (answer) => {
    answer.instruments.forEach((one) => names.set(one.key, one.name));
    rows.forEach((row) => row.rename());
  },
  () => {
    // Without the list, keys stand in for names; the status page says what is wrong.
  },
);
