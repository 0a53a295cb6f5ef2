// Telling the user from elsewhere: the live region, the window's title, a notification.

import { byId, setText } from './dom.js';

const QUIET = 8000;
const plainTitle = document.title;
let last = 0;

/** `urgent` speaks at once; anything else is dropped if something was said a moment ago. */
export function announce(text, { urgent = false } = {}) {
  const now = performance.now();
  if (!urgent && now - last < QUIET) return;
  last = now;
  setText(byId('live'), text);
}

export function title(prefix) {
  document.title = prefix ? `${prefix} · ExpiryTrack Export` : plainTitle;
}

const supported = () => 'Notification' in window && isSecureContext;

export const mayAskToNotify = () => supported() && Notification.permission === 'default';

/** Only ever called from a click: browsers refuse, and people resent, anything else. */
export const askToNotify = () => Notification.requestPermission();

export function notify(heading, body) {
  if (!supported() || Notification.permission !== 'granted' || !document.hidden) return;
  const note = new Notification(heading, { body, tag: 'expirytrack-export' });
  note.addEventListener('click', () => {
    window.focus();
    note.close();
  });
}
