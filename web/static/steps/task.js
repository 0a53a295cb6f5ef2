// One export under way, or how it ended: live, and the same in every window.

import { announce, title } from '../announce.js';
import { api, explain } from '../api.js';
import { byId, el, message, setText, show } from '../dom.js';
import { Feed, FEED_LABEL } from '../feed.js';
import { FINAL, STATES } from '../format.js';
import { tellEnd, tellProgress } from './ending.js';
import { actions } from './taskactions.js';
import { outcome } from './outcome.js';
import { meter } from './meter.js';

/** `side` is the panel beside it; `open(id)` shows another export (a retry). */
export function taskView({ name, side, open }) {
  const host = byId('task');
  let feed = null;
  let shown = null; // the id that this view is about; late answers for another are dropped
  let newest = null;

  function skeleton() {
    const parts = {
      heading: el('h2', { id: 'h-task', tabindex: '-1' }, 'Export'),
      state: el('span', { class: 'state' }, '…'),
      live: el('span', { class: 'feed-state', data: { state: 'connecting' } }, FEED_LABEL.connecting),
      meter: meter(),
      notice: el('div', { class: 'message', hidden: true }),
      outcome: el('div', { class: 'task-file', hidden: true }),
      actions: el('div', { class: 'task-actions' }),
    };
    parts.root = el(
      'div',
      { class: 'task' },
      el('header', { class: 'task-head' }, parts.heading, parts.state, parts.live),
      parts.notice,
      parts.meter.node,
      parts.outcome,
      parts.actions,
    );
    host.replaceChildren(parts.root);
    return parts;
  }

  let parts = null;
  let drawnAs = '';

  function draw(task, { first = false } = {}) {
    const before = newest;
    newest = task;
    setText(parts.heading, heading(task));
    setText(parts.state, STATES[task.status]);
    parts.state.dataset.state = task.status;
    parts.meter.draw(task);
    const ended = FINAL.has(task.status);
    // Buttons are only made anew when they change, so that focus stays where it is.
    const look = `${task.status} ${task.cancel_requested}`;
    if (look !== drawnAs) {
      drawnAs = look;
      const hadFocus = parts.actions.contains(document.activeElement);
      parts.actions.replaceChildren(...actions(task, { open, gone, failed }));
      parts.outcome.replaceChildren(...outcome(task));
      show(parts.outcome, parts.outcome.hasChildNodes());
      show(parts.live, !ended);
      if (hadFocus && !parts.actions.contains(document.activeElement)) {
        (parts.actions.querySelector('a, button') ?? parts.heading).focus();
      }
    }
    if (first || !before) side.task(task);
    if (ended) tellEnd(task, { fresh: !first && !FINAL.has(before?.status) });
    else tellProgress(task);
    if (ended) feed?.close();
  }

  function heading(task) {
    const what = task.spec.instruments.length === 1 ? name(task.spec.instruments[0]) : `${task.spec.instruments.length} instruments`;
    const kind = task.spec.format.toUpperCase();
    return `${what} as ${kind}`;
  }

  function failed(error, doing) {
    message(parts.notice, explain(error, doing));
  }

  function gone(text = 'This export has been deleted.') {
    close();
    side.empty();
    title('');
    const heading = el('h2', { id: 'h-task', tabindex: '-1' }, 'No such export');
    host.replaceChildren(
      el(
        'div',
        { class: 'blank' },
        heading,
        el('p', {}, `${text} The history lists every export that this server still has.`),
        el('div', { class: 'task-actions' },
          el('a', { class: 'button', href: '/history' }, 'History'),
          el('a', { class: 'button primary', href: '/export' }, 'New export')),
      ),
    );
    heading.focus({ preventScroll: true });
    announce(text, { urgent: true });
  }

  async function ask(id) {
    try {
      return [await api.status(id)];
    } catch (error) {
      if (error.status === 404 && shown === id) gone('The server does not know this export: it has been deleted, or the address is wrong.');
      throw error;
    }
  }

  function follow(id) {
    feed = new Feed(`/api/export/ws/${encodeURIComponent(id)}`, {
      poll: () => ask(id),
      onTasks: (list) => list.filter((task) => task.task_id === id).forEach((task) => draw(task, { first: !newest })),
      onState: (state) => {
        parts.live.dataset.state = state;
        setText(parts.live, FEED_LABEL[state] ?? '');
      },
    });
  }

  async function open_(id, { focus = true } = {}) {
    close();
    shown = id;
    parts = skeleton();
    if (focus) parts.heading.focus({ preventScroll: true });
    try {
      const [task] = await ask(id);
      if (shown !== id) return;
      draw(task, { first: true });
      if (!FINAL.has(task.status)) follow(id);
    } catch (error) {
      if (shown !== id || error.status === 404) return;
      failed(error, 'Opening the export');
      // The feed keeps trying, and its first answer draws the page.
      follow(id);
    }
  }

  function close() {
    feed?.close();
    feed = null;
    shown = null;
    newest = null;
    drawnAs = '';
  }

  return {
    open: open_,
    close,
    /** The list of instruments has come: keys become names. */
    names() {
      if (!newest) return;
      setText(parts.heading, heading(newest));
      side.task(newest);
    },
  };
}
