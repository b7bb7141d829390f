// The event loop: timers on a clock of their own, and what waits for input.
//
// Time is that of the host, plus what the program waited for: nobody really waits. A program that waits for longer than it
// may take does not end, and the host stops it.
//
// In: tasks. Out: their calls, in order of time and then of arrival. Left out on purpose: anything that happens by itself.

import { drain } from "./promise.js";

const NativeDate = Date;
const native = performance;
const began = { ms: 0 };
let ahead = 0;
let slept = 0;
let mayTake = Infinity;
let number = 0;
/// Sorted by time and number, the next at the end.
let tasks = [];

/// Milliseconds since the program began.
export function now() {
  return native.now() - began.ms + ahead;
}

export function start(timeMs) {
  began.ms = native.now();
  mayTake = timeMs;
}

export function after(ms, call) {
  const task = { time: now() + ms, number: number++, call };
  let low = 0;
  let high = tasks.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const other = tasks[middle];
    if (other.time > task.time || (other.time === task.time && other.number > task.number)) low = middle + 1;
    else high = middle;
  }
  tasks.splice(low, 0, task);
  return task;
}

export function cancel(task) {
  const at = tasks.indexOf(task);
  if (at >= 0) tasks.splice(at, 1);
}

/// Runs all tasks, and jobs after each; `check` after the jobs.
export function run(check) {
  for (;;) {
    drain();
    check();
    const task = tasks.pop();
    if (task === undefined) return;
    const wait = task.time - now();
    if (wait > 0) {
      slept += wait;
      while (slept > mayTake);
      ahead += wait;
    }
    task.call();
  }
}

export class Timeout {
  constructor(ms, again, call) {
    ms = Number(ms);
    this.ms = ms >= 1 && ms < 2 ** 31 ? ms : 1;
    this.again = again;
    this.call = call;
    this.refresh();
  }

  refresh() {
    cancel(this.task);
    this.task = after(this.ms, () => {
      if (this.again) this.refresh();
      this.call();
    });
    return this;
  }

  close() {
    cancel(this.task);
    return this;
  }

  ref() {
    return this;
  }

  unref() {
    this.close();
    return this;
  }

  hasRef() {
    return true;
  }

  [Symbol.toPrimitive]() {
    if (!this.id) timeouts.set((this.id = timeouts.size + 1), this);
    return this.id;
  }
}

const timeouts = new Map();

export const timers = {
  setTimeout: (call, ms, ...values) => new Timeout(ms, false, () => call(...values)),
  setInterval: (call, ms, ...values) => new Timeout(ms, true, () => call(...values)),
  setImmediate: (call, ...values) => ({ task: after(0, () => call(...values)), close() {}, unref() {}, ref() {} }),
  clearTimeout: (timeout) => {
    if (typeof timeout !== "object") timeout = timeouts.get(Number(timeout));
    if (timeout) cancel(timeout.task);
  },
};
timers.clearInterval = timers.clearImmediate = timers.clearTimeout;

const dateNow = () => Math.floor(NativeDate.now() + ahead);

/// `Date` on this clock.
export const VirtualDate = new Proxy(NativeDate, {
  construct: (target, values, made) => Reflect.construct(target, values.length ? values : [dateNow()], made === VirtualDate ? target : made),
  apply: () => new NativeDate(dateNow()).toString(),
  get: (target, key) => (key === "now" ? dateNow : Reflect.get(target, key)),
});
NativeDate.prototype.constructor = VirtualDate;
