// One export in the history's table.

import { api } from './api.js';
import { confirm } from './dialog.js';
import { breakable, button, el, icon, setAttributes, setText, show } from './dom.js';
import { age, bytes, countExpiries, FINAL, listed, moment, number, plural, sentence, STATES } from './format.js';
import { noteLine } from './note.js';
import { bar } from './steps/meter.js';
import { CANCEL, DELETE } from './steps/taskactions.js';
import { form } from './summary.js';

/**
 * `failed(error, doing)` complains; `gone()` is called when the export does not exist any more;
 * `picked(box)` when it is ticked for a comparison or not any more.
 */
export function historyRow(first, { name, failed, gone, picked }) {
  const id = first.task_id;
  const page = `/export?task=${encodeURIComponent(id)}`;
  const parts = {
    link: el('a', { class: 'history-name', href: page }),
    about: el('span', { class: 'history-about' }),
    why: el('span', { class: 'history-about bad' }),
    state: el('span', { class: 'state' }),
    percent: el('span', { class: 'history-percent num' }),
    bar: bar({ 'aria-label': `Progress of ${first.file_name ?? id}` }),
    rows: el('td', { class: 'num history-rows' }),
    size: el('td', { class: 'num history-size' }),
    when: el('time', {}),
    actions: el('div', { class: 'row-actions' }),
    pick: el('span', { class: 'sr-only' }),
  };
  const label = () => self.task.file_name ?? id;
  const note = noteLine({
    label,
    save: async (text) => (await api.note(id, text)).note,
    failed: (error) => (error.status === 404 ? gone() : failed(error, 'Saving the note')),
  });
  const box = el('input', { type: 'checkbox', on: { change: () => picked(box) }, value: id });
  const row = el(
    'tr',
    { data: { id, created: first.created_at } },
    el('td', { class: 'history-pick' }, el('label', { class: 'pick' }, box, parts.pick)),
    el('th', { scope: 'row' }, parts.link, parts.about, parts.why, note.node),
    el('td', { class: 'history-state' }, el('div', { class: 'history-state-line' }, parts.state, parts.percent), parts.bar.node),
    parts.rows,
    parts.size,
    el('td', { class: 'history-when' }, parts.when),
    el('td', { class: 'history-actions' }, parts.actions),
  );
  const self = { node: row, box, task: first, draw, tick, rename };
  let drawnAs = '';

  const attempt = (doing, work) => async () => {
    try {
      await work();
    } catch (error) {
      if (error.status === 404) gone();
      else failed(error, doing);
    }
  };
  const tool = (label, iconName, work, label2 = label) =>
    button(label, {
      kind: 'small quiet', iconName, on: { click: work },
      'aria-label': `${label2}: ${self.task.file_name ?? id}`,
    });
  const link = (label, iconName, href, { kind = 'small quiet', ...rest } = {}) =>
    el('a', { class: `button ${kind}`, href, 'aria-label': `${label}: ${self.task.file_name ?? id}`, ...rest },
      icon(iconName), el('span', {}, label));

  const cancel = attempt('Cancelling', async () => {
    if (await confirm(CANCEL)) draw(await api.cancel(id));
  });
  const retry = attempt('Retrying', async () => {
    const { task_id: next } = await api.retry(id);
    location.assign(`/export?task=${encodeURIComponent(next)}`);
  });
  const remove = attempt('Deleting', async () => {
    if (!(await confirm(DELETE))) return;
    await api.remove(id);
    gone();
  });

  function actions(task) {
    if (!FINAL.has(task.status)) {
      return task.cancel_requested ? [note.open] : [tool('Cancel', 'stop', cancel), note.open];
    }
    const nodes = [];
    if (task.status === 'completed') {
      nodes.push(link('Download', 'download', task.download_url, { kind: 'small', download: task.file_name }));
    } else {
      nodes.push(tool('Retry', 'again', retry));
    }
    nodes.push(note.open);
    nodes.push(link('Run again', 'edit', `/export?from=${encodeURIComponent(id)}`));
    nodes.push(tool('Delete', 'remove', remove));
    return nodes;
  }

  function rename() {
    const { spec } = self.task;
    const what = listed(spec.instruments.map(name));
    const by = self.task.schedule_id ? ' · by a schedule' : self.task.template_id ? ' · from a template' : '';
    setText(parts.about, `${what} · ${plural(countExpiries(spec), 'expiry', 'expiries')} · ${form(spec)}${by}`);
  }

  function tick() {
    setText(parts.when, age(self.task.created_at));
  }

  function draw(task) {
    self.task = task;
    const running = task.status === 'processing';
    const text = task.file_name ?? `${task.spec.format.toUpperCase()} export`;
    if (parts.link.textContent !== text) parts.link.replaceChildren(breakable(text));
    setText(parts.pick, `Compare ${text}`);
    box.disabled = !FINAL.has(task.status);
    note.draw(task.note);
    setText(parts.state, task.cancel_requested && !FINAL.has(task.status) ? 'Cancelling' : STATES[task.status]);
    parts.state.dataset.state = task.status;
    setText(parts.percent, running ? `${Math.floor(task.progress)} %` : '');
    parts.bar.draw(task);
    show(parts.bar.node, running);
    setText(parts.why, task.status === 'failed' && task.error ? sentence(task.error) : '');
    show(parts.why, parts.why.textContent !== '');
    setText(parts.rows, running && typeof task.rows_total === 'number' ? number(task.rows_total) : number(task.rows_done));
    setText(parts.size, task.status === 'completed' || task.status === 'expired' ? bytes(task.size) : running ? bytes(task.bytes_done) : '–');
    setAttributes(parts.when, { datetime: task.created_at, title: moment(task.created_at) });
    tick();
    rename();
    const look = `${task.status} ${task.cancel_requested}`;
    if (look === drawnAs) return;
    drawnAs = look;
    const hadFocus = parts.actions.contains(document.activeElement);
    parts.actions.replaceChildren(...actions(task));
    if (hadFocus) (parts.actions.querySelector('a, button') ?? parts.link).focus();
  }

  draw(first);
  return self;
}
