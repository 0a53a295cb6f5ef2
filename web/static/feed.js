// One task's or every task's state, live: WebSocket first, polling where that cannot be had.
//
// A feed hands out each task's newest state and nothing older (`seq`), whatever way it came.

import { connection } from './api.js';
import { FINAL } from './format.js';

const FIRST_WAIT = 400;
const LONGEST_WAIT = 15000;
const POLL_EVERY = 1000;
// A half-dead connection looks open for minutes; so much silence from a running task is suspect.
const SILENCE = 15000;
const FAILURES_BEFORE_POLLING = 2;

export class Feed {
  /** `poll` returns a list of tasks; `onTasks(tasks, type)`; `onState('live' | 'reconnecting' | 'polling' | 'closed')`. */
  constructor(path, { poll, onTasks, onState }) {
    Object.assign(this, { path, poll, onTasks, onState });
    this.newest = new Map();
    this.failures = 0;
    this.closed = false;
    this.again = () => this.hurry();
    connection.addEventListener('back', this.again);
    addEventListener('online', this.again);
    this.connect();
  }

  connect() {
    clearTimeout(this.reconnectTimer);
    const scheme = location.protocol === 'https:' ? 'wss:' : 'ws:';
    const socket = new WebSocket(`${scheme}//${location.host}${this.path}`);
    this.socket = socket;
    socket.addEventListener('message', (event) => {
      this.failures = 0;
      this.stopPolling();
      this.tell('live');
      this.watch();
      const frame = JSON.parse(event.data);
      this.take(frame.tasks ?? [], frame.type);
    });
    socket.addEventListener('close', () => this.lost(socket));
  }

  lost(socket) {
    if (this.closed || socket !== this.socket) return;
    clearTimeout(this.silenceTimer);
    this.failures += 1;
    if (this.state !== 'polling') this.tell('reconnecting');
    this.look();
    if (this.failures >= FAILURES_BEFORE_POLLING) this.startPolling();
    const wait = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** (this.failures - 1));
    // Half fixed, half random: after a restart a thousand pages must not come back as one.
    this.reconnectTimer = setTimeout(() => this.connect(), wait * (0.5 + Math.random() / 2));
  }

  hurry() {
    if (this.closed || this.socket.readyState <= WebSocket.OPEN) return;
    this.failures = 0;
    this.connect();
  }

  watch() {
    clearTimeout(this.silenceTimer);
    this.silenceTimer = setTimeout(async () => {
      const running = [...this.newest.values()].some((task) => !FINAL.has(task.status));
      if (running && (await this.look())) {
        const stale = this.socket;
        this.connect();
        stale.close();
      } else if (!this.closed) {
        this.watch();
      }
    }, SILENCE);
  }

  /** Asks once by HTTP; true if that brought news. */
  async look() {
    try {
      return this.take(await this.poll(), 'poll');
    } catch {
      // `api` has told the page by its banner; the next try comes by itself.
      return false;
    }
  }

  startPolling() {
    if (this.pollTimer) return;
    const round = async () => {
      try {
        this.take(await this.poll(), 'poll');
        this.tell('polling');
      } catch {
        this.tell('reconnecting');
      }
      if (this.pollTimer) this.pollTimer = setTimeout(round, POLL_EVERY);
    };
    this.pollTimer = setTimeout(round, POLL_EVERY);
  }

  stopPolling() {
    clearTimeout(this.pollTimer);
    this.pollTimer = 0;
  }

  take(tasks, type) {
    if (this.closed) return false;
    const news = tasks.filter((task) => {
      const known = this.newest.get(task.task_id);
      return !known || task.seq > known.seq || task.attempt > known.attempt;
    });
    for (const task of news) this.newest.set(task.task_id, task);
    if (news.length || type === 'snapshot') this.onTasks(news, type);
    return news.length > 0;
  }

  tell(state) {
    if (this.closed || this.state === state) return;
    this.state = state;
    this.onState(state);
  }

  close() {
    this.closed = true;
    connection.removeEventListener('back', this.again);
    removeEventListener('online', this.again);
    clearTimeout(this.reconnectTimer);
    clearTimeout(this.silenceTimer);
    this.stopPolling();
    this.socket.close();
  }
}

export const FEED_LABEL = {
  connecting: 'Connecting…',
  live: 'Live',
  reconnecting: 'Reconnecting…',
  polling: 'Asking every second',
};
