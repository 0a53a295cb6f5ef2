// Questions: before something that cannot be undone, and for a name or a note.

import { button, el } from './dom.js';

/** A box with what `field` describes: `name`, `label`, `value`, `hint`, `required`, `most`, `lines`. */
function fieldNode({ name, label, value = '', hint = '', required = false, most = 100, lines = 1 }) {
  const id = `ask-${name}`;
  const input = el(lines > 1 ? 'textarea' : 'input', {
    id, name, required, maxlength: most, ...(lines > 1 ? { rows: lines } : { type: 'text', autocomplete: 'off' }),
    'aria-describedby': hint ? `${id}-hint` : null, value,
  });
  return [input, el('div', { class: 'field' }, el('label', { for: id }, label), input,
    hint ? el('span', { class: 'sub-hint', id: `${id}-hint` }, hint) : null)];
}

/**
 * Asks for texts and does something with them; the dialog stays open, and says why, until
 * `work(values)` has passed. Resolves to what that gave, or to null if the user thought better of it.
 */
export function ask({ title, fields, yes, work, complain }) {
  return new Promise((resolve) => {
    const inputs = fields.map(fieldNode);
    const wrong = el('div', { class: 'message', hidden: true });
    const no = button('Cancel');
    const go = el('button', { type: 'submit', class: 'button primary' }, el('span', {}, yes));
    const form = el('form', { novalidate: true }, ...inputs.map(([, node]) => node), wrong, el('div', { class: 'dialog-actions' }, no, go));
    const dialog = el('dialog', { class: 'dialog', 'aria-labelledby': 'dialog-title' }, el('h2', { id: 'dialog-title' }, title), form);
    let result = null;
    no.addEventListener('click', () => dialog.close());
    form.addEventListener('submit', async (event) => {
      event.preventDefault();
      const empty = inputs.map(([input]) => input).find((input) => input.required && !input.value.trim());
      if (empty) {
        empty.setAttribute('aria-invalid', 'true');
        empty.focus();
        return;
      }
      go.setAttribute('aria-disabled', 'true');
      try {
        result = await work(Object.fromEntries(inputs.map(([input]) => [input.name, input.value.trim()])));
        dialog.close();
      } catch (error) {
        complain(wrong, error);
      } finally {
        go.removeAttribute('aria-disabled');
      }
    });
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(result);
    });
    document.body.append(dialog);
    dialog.showModal();
    inputs[0][0].select();
  });
}

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
