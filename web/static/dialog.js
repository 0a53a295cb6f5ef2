// A question before something that cannot be undone.

import { button, el } from './dom.js';

/** Resolves to true if the user said yes. Escape and the backdrop say no. */
export function confirm({ title, text, yes, no: keep = 'Cancel', danger = true }) {
  return new Promise((resolve) => {
    const no = button(keep);
    const go = button(yes, { kind: danger ? 'danger' : 'primary' });
    const dialog = el(
      'dialog',
      { class: 'dialog', 'aria-labelledby': 'dialog-title', 'aria-describedby': 'dialog-text' },
      el('h2', { id: 'dialog-title' }, title),
      el('p', { id: 'dialog-text' }, text),
      el('div', { class: 'dialog-actions' }, no, go),
    );
    no.addEventListener('click', () => dialog.close('no'));
    go.addEventListener('click', () => dialog.close('yes'));
    dialog.addEventListener('click', (event) => {
      if (event.target === dialog) dialog.close('no');
    });
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(dialog.returnValue === 'yes');
    });
    document.body.append(dialog);
    dialog.showModal();
    no.focus();
  });
}
