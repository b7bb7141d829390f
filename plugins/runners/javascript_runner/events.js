// node's `EventEmitter`.
//
// In: listeners and events. Out: calls. Left out on purpose: warnings, domains and captured rejections.

import { Promise } from "./promise.js";

export class EventEmitter {
  #listeners = new Map();

  on(event, listener, { once = false, first = false } = {}) {
    const all = this.#listeners.get(event) ?? [];
    const entry = { listener, once };
    this.#listeners.set(event, first ? [entry, ...all] : [...all, entry]);
    if (event !== "newListener") this.emit("newListener", event, listener);
    return this;
  }

  addListener(event, listener) {
    return this.on(event, listener);
  }

  prependListener(event, listener) {
    return this.on(event, listener, { first: true });
  }

  once(event, listener) {
    return this.on(event, listener, { once: true });
  }

  off(event, listener) {
    const all = this.#listeners.get(event) ?? [];
    const at = all.findLastIndex((entry) => entry.listener === listener);
    if (at >= 0) this.#listeners.set(event, all.toSpliced(at, 1));
    return this;
  }

  removeListener(event, listener) {
    return this.off(event, listener);
  }

  removeAllListeners(event) {
    if (event === undefined) this.#listeners.clear();
    else this.#listeners.delete(event);
    return this;
  }

  emit(event, ...values) {
    const all = this.#listeners.get(event) ?? [];
    if (all.length === 0 && event === "error") throw values[0] instanceof Error ? values[0] : new Error(`Unhandled error. (${values[0]})`);
    for (const entry of all) {
      if (entry.once) this.off(event, entry.listener);
      entry.listener.apply(this, values);
    }
    return all.length > 0;
  }

  listeners(event) {
    return (this.#listeners.get(event) ?? []).map((entry) => entry.listener);
  }

  listenerCount(event) {
    return (this.#listeners.get(event) ?? []).length;
  }

  eventNames() {
    return [...this.#listeners.keys()].filter((event) => this.listenerCount(event) > 0);
  }

  setMaxListeners() {
    return this;
  }

  static once(emitter, event) {
    return new Promise((resolve, reject) => {
      emitter.once(event, (...values) => resolve(values));
      if (event !== "error") emitter.once("error", reject);
    });
  }
}
EventEmitter.EventEmitter = EventEmitter;
EventEmitter.default = EventEmitter;
