// The export page: the four steps in their order, and the way from a choice to a running export.

import './connection.js';
import './theme.js';
import { announce, title } from './announce.js';
import { api, connection, explain } from './api.js';
import { byId, message, setAttributes, setText, show } from './dom.js';
import { Draft } from './draft.js';
import { Estimator } from './estimate.js';
import { sidePanel } from './side.js';
import { expiriesStep } from './steps/expiries.js';
import { instrumentsStep } from './steps/instruments.js';
import { optionsStep } from './steps/options.js';
import { reviewStep } from './steps/review.js';
import { taskView } from './steps/task.js';

const ORDER = ['instruments', 'expiries', 'options', 'review'];

const draft = new Draft();
draft.restore();
const estimator = new Estimator(draft);
const side = sidePanel(draft, estimator, { startOver });
const steps = {
  instruments: instrumentsStep(draft),
  expiries: expiriesStep(draft),
  options: optionsStep(draft, estimator),
  review: reviewStep(draft, estimator, { edit: go }),
};
const tasks = taskView({ name: (key) => draft.name(key), side, open: openTask });

let current = 'instruments';
let starting = false;
let attempt = { text: '', key: '' };

/** Of 128 random bits; `crypto.randomUUID` is missing where the page has no secure context. */
function randomKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

function startOver() {
  steps.expiries.redraw();
  draft.clear();
  go('instruments');
}

/** The first step before `step` that is not done, or null. */
function obstacle(step) {
  return ORDER.slice(0, ORDER.indexOf(step)).find((one) => steps[one].problem() !== null) ?? null;
}

function drawStepper() {
  for (const node of document.querySelectorAll('[data-goto]')) {
    const step = node.dataset.goto;
    const here = ORDER.indexOf(current);
    const index = ORDER.indexOf(step);
    node.disabled = step !== current && obstacle(step) !== null;
    node.dataset.done = String(index < here && steps[step].problem() === null);
    setAttributes(node, { 'aria-current': step === current ? 'step' : null });
  }
}

function drawBar() {
  show(byId('back'), current !== 'instruments');
  setText(byId('next-label'), current !== 'review' ? 'Continue' : starting ? 'Starting…' : 'Start export');
  setAttributes(byId('next'), { 'aria-disabled': starting ? 'true' : null });
  const line = byId('selection-line');
  delete line.dataset.kind;
  setText(line, side.line());
}

function complain(problem) {
  byId('selection-line').dataset.kind = 'problem';
  setText(byId('selection-line'), problem);
  announce(problem, { urgent: true });
}

function frame(view) {
  byId('wizard').dataset.step = view;
  for (const step of [...ORDER, 'task']) show(byId(`step-${step}`), step === view);
  show(document.querySelector('.stepper'), view !== 'task');
  show(byId('actionbar'), view !== 'task');
  setText(byId('page-title'), view === 'task' ? 'Export' : 'New export');
}

/** Shows a step, or the first one before it that still lacks something. */
async function draw(step, { focus = true } = {}) {
  tasks.close();
  title('');
  // What a rule comes to is only known with the dates at hand.
  if (draft.byRule && step !== 'instruments') await steps.expiries.load();
  current = obstacle(step) ?? step;
  frame(current);
  side.draft(current);
  drawStepper();
  drawBar();
  if (focus) {
    scrollTo(0, 0);
    byId(`h-${current}`).focus({ preventScroll: true });
  }
  await steps[current].enter();
  drawStepper();
  drawBar();
}

function go(step) {
  const wanted = obstacle(step) ?? step;
  const hash = wanted === 'instruments' ? '' : `#${wanted}`;
  const address = `/export${hash}`;
  if (location.pathname + location.search + location.hash !== address) history.pushState(null, '', address);
  return draw(wanted);
}

function openTask(id, { replace = false, focus = true } = {}) {
  const address = `/export?task=${encodeURIComponent(id)}`;
  if (location.pathname + location.search !== address) {
    history[replace ? 'replaceState' : 'pushState'](null, '', address);
  }
  frame('task');
  side.empty();
  scrollTo(0, 0);
  tasks.open(id, { focus });
}

async function start() {
  if (starting) return;
  starting = true;
  drawBar();
  message(byId('notice-review'), null);
  try {
    const body = draft.body();
    const text = JSON.stringify(body);
    // Until an answer has come, asking again with the same key starts nothing twice.
    if (attempt.text !== text) attempt = { text, key: randomKey() };
    const { task_id: id } = await api.start(body, attempt.key);
    attempt = { text: '', key: '' };
    openTask(id);
  } catch (error) {
    const said = explain(error, 'Starting the export');
    if (error.offline) {
      said.lines = ['Start the server again, then press Start export once more: if it had been accepted already, it opens instead of starting twice.'];
    } else {
      attempt = { text: '', key: '' };
    }
    message(byId('notice-review'), said);
    byId('notice-review').scrollIntoView({ block: 'nearest' });
  } finally {
    starting = false;
    drawBar();
  }
}

function forward() {
  const problem = steps[current].problem();
  if (problem) {
    complain(problem);
    steps[current].reveal?.();
  } else if (current === 'review') start();
  else go(ORDER[ORDER.indexOf(current) + 1]);
}

/** What an earlier export, a template or a schedule asks for, to be changed or run again. */
async function adopt(query) {
  try {
    draft.adopt(...(await asked(query)));
    draft.prune();
    await steps.expiries.enter();
    draft.changed('all');
    history.replaceState(null, '', '/export#review');
    await draw('review');
  } catch (error) {
    history.replaceState(null, '', '/export');
    await draw('instruments');
    message(byId('notice-instruments'), explain(error, query.get('from') ? 'Taking over the earlier export' : 'Taking over the configuration'));
  }
}

/** The request behind `?from=`, `?template=` or `?schedule=`, and where changes to it belong. */
async function asked(query) {
  if (query.get('from')) return [(await api.status(query.get('from'))).spec];
  const kind = query.get('template') ? 'template' : 'schedule';
  const one = await (kind === 'template' ? api.templates : api.schedules).get(query.get(kind));
  return [one.request, { kind, id: one.id, name: one.name }];
}

function route({ focus = true } = {}) {
  const query = new URLSearchParams(location.search);
  if (query.get('task')) return openTask(query.get('task'), { focus });
  if (['from', 'template', 'schedule'].some((name) => query.get(name))) return adopt(query);
  if (query.has('new')) {
    history.replaceState(null, '', '/export');
    steps.expiries.redraw();
    draft.clear();
  }
  const step = location.hash.slice(1);
  return draw(ORDER.includes(step) ? step : 'instruments', { focus });
}

draft.addEventListener('change', ({ detail }) => {
  if (detail === 'catalogue') {
    steps.expiries.redraw();
    estimator.run({ force: true });
  } else {
    // Before the catalogue is there, pruned and empty look alike.
    draft.save();
  }
  drawStepper();
  drawBar();
});
estimator.addEventListener('change', drawBar);
byId('form').addEventListener('submit', (event) => {
  event.preventDefault();
  forward();
});
byId('back').addEventListener('click', () => go(ORDER[ORDER.indexOf(current) - 1]));
for (const node of document.querySelectorAll('[data-goto]')) {
  node.addEventListener('click', () => go(node.dataset.goto));
}
addEventListener('popstate', () => route());
connection.addEventListener('back', async () => {
  if (!byId('step-task').hidden) return;
  if (!draft.catalogue.length) {
    await steps.instruments.load();
    await route({ focus: false });
  } else {
    await steps[current].enter();
    estimator.run({ force: true });
  }
});

// An export that is already under way must not wait for the list of instruments.
if (new URLSearchParams(location.search).get('task')) {
  route({ focus: false });
  await steps.instruments.load();
  tasks.names();
} else {
  await steps.instruments.load();
  await route({ focus: false });
}
