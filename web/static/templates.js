// Templates: run, change, rename, delete, and take them from one server to another as files.

import './connection.js';
import './theme.js';
import { announce } from './announce.js';
import { api, connection, explain } from './api.js';
import { ask, confirm } from './dialog.js';
import { button, byId, el, icon, message, show } from './dom.js';
import { sentence } from './format.js';
import { complain, FIELDS } from './keep.js';
import { learnNames, name } from './names.js';
import { extraLine, oneLine } from './summary.js';

const list = byId('entries');
const fresh = new URLSearchParams(location.search).get('saved');
let found = [];

function failed(error, doing) {
  message(byId('notice'), explain(error, doing));
  byId('notice').scrollIntoView({ block: 'nearest' });
}

const attempt = (doing, work) => async () => {
  try {
    await work();
  } catch (error) {
    failed(error, doing);
    if (error.status === 404) load();
  }
};

function entry(template) {
  const { id, request, problems } = template;
  const link = (label, iconName, href, rest = {}) =>
    el('a', { class: 'button small quiet', href, 'aria-label': `${label}: ${template.name}`, ...rest }, icon(iconName), el('span', {}, label));
  const tool = (label, iconName, work, kind = 'small quiet') =>
    button(label, { kind, iconName, 'aria-label': `${label}: ${template.name}`, on: { click: work } });

  const run = attempt('Starting the export', async () => {
    const { task_id: task } = await api.templates.act(id, 'run');
    location.assign(`/export?task=${encodeURIComponent(task)}`);
  });
  const rename = () =>
    ask({
      title: 'Name and note',
      fields: FIELDS(template),
      yes: 'Save',
      work: ({ name: wanted, note }) => api.templates.change(id, { name: wanted, note: note || null, request }),
      complain: complain('Saving'),
    }).then((saved) => saved && load({ focus: id }));
  const remove = attempt('Deleting', async () => {
    const sure = await confirm({
      title: `Delete “${template.name}”?`,
      text: 'Exports that were made with it stay. Export it as a file first if it may be wanted again.',
      yes: 'Delete',
    });
    if (!sure) return;
    await api.templates.remove(id);
    announce(`${template.name} deleted`, { urgent: true });
    await load({ focus: nextTo(id) });
  });

  const more = extraLine(request);
  return el(
    'li',
    { class: 'entry', data: { id, fresh: String(id === fresh) } },
    el(
      'div',
      { class: 'entry-text' },
      el('h2', { class: 'entry-name' }, el('a', { href: `/export?template=${encodeURIComponent(id)}` }, template.name)),
      el('p', { class: 'entry-about' }, oneLine(request, name)),
      more ? el('p', { class: 'entry-about' }, more) : null,
      template.note ? el('p', { class: 'entry-note' }, template.note) : null,
      problems?.length
        ? el('div', { class: 'message warning', role: 'note' },
          el('p', { class: 'message-title' }, 'Does not fit the open database'),
          el('ul', {}, ...problems.map((text) => el('li', {}, sentence(text)))))
        : null,
    ),
    el(
      'div',
      { class: 'row-actions' },
      tool('Run', 'play', run, 'small'),
      link('Edit', 'edit', `/export?template=${encodeURIComponent(id)}`),
      link('Schedule', 'clock', `/schedules?new=${encodeURIComponent(id)}`),
      tool('Rename', 'note', rename),
      link('File', 'download', api.templates.file(id), { download: '' }),
      tool('Delete', 'remove', remove),
    ),
  );
}

function nextTo(id) {
  const place = found.findIndex((one) => one.id === id);
  return (found[place + 1] ?? found[place - 1])?.id ?? null;
}

function draw({ focus = null } = {}) {
  list.replaceChildren(...found.map(entry));
  show(list, found.length > 0);
  show(byId('blank'), found.length === 0);
  if (focus === null) return;
  const at = [...list.children].find((node) => node.dataset.id === focus);
  (at?.querySelector('a') ?? byId('main')).focus();
}

async function load({ focus } = {}) {
  try {
    found = (await api.templates.list()).templates;
    draw({ focus: focus === undefined ? null : (focus ?? '') });
  } catch (error) {
    failed(error, 'Loading the templates');
  }
}

function problemsOf(error) {
  const said = explain(error, 'Importing the template');
  said.lines.push('Nothing was imported.');
  return said;
}

async function take(file) {
  message(byId('notice'), null);
  let document;
  try {
    document = JSON.parse(await file.text());
  } catch {
    message(byId('notice'), {
      kind: 'error', title: 'Importing the template failed.',
      lines: [`${file.name} is not a template file: it does not hold JSON.`],
    });
    return;
  }
  try {
    const template = await api.templates.take(document);
    await load({ focus: template.id });
    const unfit = template.problems?.length
      ? { kind: 'warning', lines: ['It does not fit the open database yet; its entry says why.'] }
      : { kind: 'info' };
    message(byId('notice'), { title: `“${template.name}” was imported.`, ...unfit });
    announce(`${template.name} imported`, { urgent: true });
  } catch (error) {
    message(byId('notice'), problemsOf(error));
  }
}

byId('import').addEventListener('click', () => byId('import-file').click());
byId('import-file').addEventListener('change', async ({ target }) => {
  if (target.files.length) await take(target.files[0]);
  // The same file again is a change too.
  target.value = '';
});
connection.addEventListener('back', () => load());
load();
learnNames().then(() => found.length && draw());
