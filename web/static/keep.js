// Keeping a configuration: as a template, or for a schedule that is being made.

import { api, explain } from './api.js';
import { ask } from './dialog.js';
import { message } from './dom.js';

const HANDED_OVER = 'schedule-request';

export const complain = (doing) => (node, error) => {
  message(node, explain(error, doing));
  node.scrollIntoView({ block: 'nearest' });
};

export const FIELDS = ({ name = '', note = '' } = {}) => [
  { name: 'name', label: 'Name', value: name, required: true, most: 100 },
  { name: 'note', label: 'Note (optional)', value: note ?? '', most: 1000, lines: 2 },
];

/** Asks for a name and saves; resolves to the new template, or to null. */
export function saveTemplate(request, { name = '' } = {}) {
  return ask({
    title: 'Save as a template',
    fields: FIELDS({ name }),
    yes: 'Save template',
    work: ({ name: wanted, note }) => api.templates.add({ name: wanted, request, note: note || null }),
    complain: complain('Saving'),
  });
}

/** Takes a configuration from the wizard along to the page of schedules. */
export function handOver(request) {
  sessionStorage.setItem(HANDED_OVER, JSON.stringify(request));
  location.assign('/schedules?new=wizard');
}

export function handedOver() {
  try {
    return JSON.parse(sessionStorage.getItem(HANDED_OVER));
  } catch {
    return null;
  }
}
