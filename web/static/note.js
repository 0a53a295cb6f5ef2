// A note beside an export, written in place.

import { button, el, setText, show } from './dom.js';

const LONGEST = 1000;

/** `save(text or null)` keeps it and may throw; `failed(error)` then says so. `label` names the export. */
export function noteLine({ label, save, failed }) {
  const text = el('span', { class: 'note-text' });
  const open = button('Note', { kind: 'small quiet', iconName: 'note' });
  const field = el('textarea', { class: 'note-field', rows: 2, maxlength: LONGEST });
  const keep = button('Save', { kind: 'small primary' });
  const drop = button('Cancel', { kind: 'small quiet' });
  const form = el('div', { class: 'note-form', hidden: true }, field, el('div', { class: 'note-buttons' }, keep, drop));
  const node = el('div', { class: 'note', hidden: true }, text, form);
  let note = null;

  function draw(now) {
    note = now;
    setText(text, now ?? '');
    open.querySelector('span').textContent = now ? 'Edit note' : 'Note';
    open.setAttribute('aria-label', `${now ? 'Edit note' : 'Note'}: ${label()}`);
    shown();
  }

  function shown() {
    show(text, Boolean(note) && form.hidden);
    show(node, Boolean(note) || !form.hidden);
  }

  function edit() {
    field.value = note ?? '';
    field.setAttribute('aria-label', `Note on ${label()}`);
    show(form, true);
    shown();
    field.focus();
  }

  function close() {
    show(form, false);
    shown();
    open.focus();
  }

  async function submit() {
    keep.setAttribute('aria-disabled', 'true');
    try {
      draw(await save(field.value.trim() || null));
      close();
    } catch (error) {
      failed(error);
    } finally {
      keep.removeAttribute('aria-disabled');
    }
  }

  open.addEventListener('click', () => (form.hidden ? edit() : close()));
  keep.addEventListener('click', submit);
  drop.addEventListener('click', close);
  field.addEventListener('keydown', (event) => {
    if (event.key === 'Escape') {
      event.preventDefault();
      close();
    } else if (event.key === 'Enter' && !event.shiftKey) {
      event.preventDefault();
      submit();
    }
  });

  return {
    node,
    open,
    draw(now) {
      // What comes from elsewhere must not undo what is being written here.
      if (form.hidden) draw(now ?? null);
    },
  };
}
