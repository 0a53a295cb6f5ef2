// What can be done with one export, by its state.

import { askToNotify, mayAskToNotify } from '../announce.js';
import { api } from '../api.js';
import { confirm } from '../dialog.js';
import { button, el, icon } from '../dom.js';
import { FINAL } from '../format.js';

export const CANCEL = {
  title: 'Cancel this export?',
  text: 'What has been written so far is thrown away. It can be run again from the beginning.',
  yes: 'Cancel export',
  no: 'Keep running',
};
export const DELETE = {
  title: 'Delete this export?',
  text: 'Its file and its entry in the history are removed for good. The database is not touched.',
  yes: 'Delete',
};

const link = (label, href, { kind = '', iconName, ...rest }) =>
  el('a', { class: `button ${kind}`.trim(), href, ...rest }, iconName ? icon(iconName) : null, el('span', {}, label));

/** `open(id)` shows another export, `gone()` says that this one is deleted, `failed(error, doing)` complains. */
export function actions(task, { open, gone, failed }) {
  const id = task.task_id;
  const attempt = (doing, work) => async () => {
    try {
      await work();
    } catch (error) {
      if (error.status === 404) gone();
      else failed(error, doing);
    }
  };
  const cancel = attempt('Cancelling', async () => {
    if (await confirm(CANCEL)) await api.cancel(id);
  });
  const retry = attempt('Retrying', async () => open((await api.retry(id)).task_id));
  const remove = attempt('Deleting', async () => {
    if (!(await confirm(DELETE))) return;
    await api.remove(id);
    gone();
  });

  if (!FINAL.has(task.status)) {
    const waiting = task.cancel_requested;
    const nodes = [
      button(waiting ? 'Cancelling…' : 'Cancel export…', {
        iconName: 'stop', disabled: waiting, on: { click: cancel },
      }),
    ];
    if (mayAskToNotify()) {
      const ask = button('Notify me when it is done', { iconName: 'bell', kind: 'quiet' });
      ask.addEventListener('click', async () => {
        await askToNotify();
        ask.remove();
      });
      nodes.push(ask);
    }
    return nodes;
  }
  const again = link('Change and run again', `/export?from=${encodeURIComponent(id)}`, { iconName: 'edit' });
  const bin = button('Delete…', { iconName: 'remove', kind: 'quiet', on: { click: remove } });
  if (task.status === 'completed') {
    return [
      link('Download', task.download_url, { kind: 'primary', iconName: 'download', download: task.file_name, id: 'download' }),
      again,
      link('New export', '/export', {}),
      bin,
    ];
  }
  return [button('Retry', { kind: 'primary', iconName: 'again', on: { click: retry } }), again, bin];
}
