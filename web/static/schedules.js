// Schedules: when they run next, how the last run ended, and all that can be done with them.

import './connection.js';
import './theme.js';
import { announce } from './announce.js';
import { api, connection, explain } from './api.js';
import { byId, debounce, message, setText, show } from './dom.js';
import { Feed, FEED_LABEL } from './feed.js';
import { learnNames } from './names.js';
import { scheduleEntry } from './scheduleentry.js';
import { scheduleForm } from './scheduleform.js';

const AFTER_SLOT = 1500;
const LONGEST_TIMER = 2 ** 31 - 1;

const list = byId('entries');
let schedules = [];
let templates = new Map();
let slotTimer = 0;

function failed(error, doing) {
  message(byId('notice'), explain(error, doing));
  byId('notice').scrollIntoView({ block: 'nearest' });
}

const node = (id) => [...list.children].find((one) => one.dataset.id === id);
const openParts = (id) => new Set([...(node(id)?.querySelectorAll('details[open]') ?? [])].map((one) => one.dataset.part));

function focusOn(id, tool) {
  const entry = node(id);
  (entry?.querySelector(`[data-tool="${tool}"]`) ?? entry?.querySelector('h2') ?? byId('main')).focus();
}

function nextTo(id) {
  const place = schedules.findIndex((one) => one.id === id);
  return (schedules[place + 1] ?? schedules[place - 1])?.id ?? null;
}

function draw() {
  const focused = document.activeElement?.closest('[data-tool], h2');
  const keep = focused && list.contains(focused) ? [focused.closest('.entry').dataset.id, focused.dataset.tool] : null;
  list.replaceChildren(...schedules.map((one) =>
    scheduleEntry(one, {
      template: templates.get(one.template_id),
      opened: openParts(one.id),
      edit: () => edit(one),
      load: async (id, tool) => {
        await load();
        focusOn(id, tool);
      },
      gone: async () => {
        const next = nextTo(one.id);
        announce(`${one.name} deleted`, { urgent: true });
        await load();
        focusOn(next);
      },
      failed,
    })));
  if (keep) focusOn(...keep);
  show(list, schedules.length > 0);
  show(byId('blank'), schedules.length === 0 && byId('form').hidden);
}

/** The list is asked for again as soon as the next slot has come. */
function waitForSlot() {
  clearTimeout(slotTimer);
  const next = Math.min(...schedules.filter((one) => !one.paused).map((one) => Date.parse(one.next_runs[0])));
  if (!Number.isFinite(next)) return;
  slotTimer = setTimeout(load, Math.min(LONGEST_TIMER, Math.max(0, next - Date.now()) + AFTER_SLOT));
}

async function load() {
  try {
    const [found, kept] = await Promise.all([api.schedules.list(), api.templates.list()]);
    schedules = found.schedules;
    templates = new Map(kept.templates.map((one) => [one.id, one]));
    draw();
    waitForSlot();
  } catch (error) {
    failed(error, 'Loading the schedules');
  }
}

const form = scheduleForm({
  async saved(schedule) {
    history.replaceState(null, '', '/schedules');
    message(byId('notice'), null);
    await load();
    announce(`${schedule.name} saved`, { urgent: true });
    focusOn(schedule.id);
  },
  left(schedule) {
    history.replaceState(null, '', '/schedules');
    draw();
    if (schedule) focusOn(schedule.id, 'Edit');
    else byId('add').focus();
  },
});

async function open(values) {
  try {
    await form.open(values);
    show(byId('blank'), false);
  } catch (error) {
    failed(error, 'Loading the templates');
  }
}
const edit = (schedule) => open({ schedule });

for (const id of ['add', 'add-first']) byId(id).addEventListener('click', () => open({}));

// A schedule's export that starts or ends is news of the schedule.
const reload = debounce(200, load);
const seen = new Map(); // task id -> state
new Feed('/api/export/ws', {
  poll: async () => (await api.tasks({ limit: 100 })).tasks,
  onTasks(tasks, type) {
    for (const task of tasks) {
      const before = seen.get(task.task_id);
      seen.set(task.task_id, task.status);
      if (type !== 'snapshot' && task.schedule_id && before !== task.status) reload();
    }
  },
  onState(now) {
    byId('feed').dataset.state = now;
    setText(byId('feed'), FEED_LABEL[now] ?? '');
  },
});
connection.addEventListener('back', load);

learnNames().then(() => schedules.length && draw());
const wanted = new URLSearchParams(location.search).get('new');
await load();
if (wanted !== null) await open(wanted === 'wizard' ? { wizard: true } : { template: wanted });
