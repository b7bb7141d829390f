// Promises, async functions and async generators without the engine's own job queue, which componentize-qjs never runs
// in a component whose functions are synchronous.
//
// In: what rewrite.js makes of `async` and `await`. Out: `Promise` with the behaviour and the order of the language's
// standard, and `drain`, which runs the jobs. Left out on purpose: the engine's `Promise`; nothing a program writes
// reaches it.

const jobs = [];
const ticks = [];
let rejected = new Set();

export function enqueue(job) {
  jobs.push(job);
}

export function enqueueTick(job) {
  ticks.push(job);
}

/// Runs every job, those that jobs add included. `process.nextTick` goes first.
export function drain() {
  let tick = 0;
  let job = 0;
  while (tick < ticks.length || job < jobs.length) {
    if (tick < ticks.length) ticks[tick++]();
    else {
      jobs[job++]();
      // Node runs all promise jobs before it looks at ticks again.
      while (job < jobs.length) jobs[job++]();
    }
    if (job > 1000 && job === jobs.length) (jobs.length = 0), (job = 0);
  }
  ticks.length = jobs.length = 0;
}

/// The first rejected promise that nobody handles, once jobs are done.
export function unhandled() {
  for (const promise of rejected) return promise;
}

export function forgetUnhandled(promise) {
  rejected.delete(promise);
}

const isCallable = (value) => typeof value === "function";
const isObject = (value) => (typeof value === "object" && value !== null) || typeof value === "function";

function settle(promise, state, value) {
  const reactions = promise.reactions;
  promise.state = state;
  promise.value = value;
  promise.reactions = undefined;
  if (state === "rejected" && !promise.handled) rejected.add(promise.self);
  for (const reaction of reactions) enqueue(() => react(reaction, state, value));
}

function react(reaction, state, value) {
  const handler = state === "fulfilled" ? reaction.onFulfilled : reaction.onRejected;
  const { resolve, reject } = reaction.capability;
  if (!handler) return state === "fulfilled" ? resolve(value) : reject(value);
  let result;
  try {
    result = handler(value);
  } catch (error) {
    return reject(error);
  }
  resolve(result);
}

function resolvers(promise) {
  let done = false;
  const reject = (error) => {
    if (!done) (done = true), settle(promise, "rejected", error);
  };
  const resolve = (value) => {
    if (done) return;
    done = true;
    if (value === promise.self) return settle(promise, "rejected", new TypeError("Chaining cycle detected for promise #<Promise>"));
    if (!isObject(value)) return settle(promise, "fulfilled", value);
    let then;
    try {
      then = value.then;
    } catch (error) {
      return settle(promise, "rejected", error);
    }
    if (!isCallable(then)) return settle(promise, "fulfilled", value);
    enqueue(() => {
      const inner = resolvers(promise);
      try {
        then.call(value, inner.resolve, inner.reject);
      } catch (error) {
        inner.reject(error);
      }
    });
  };
  return { resolve, reject };
}

function capability(constructor) {
  const made = {};
  made.promise = new constructor((resolve, reject) => {
    if (made.resolve !== undefined || made.reject !== undefined) throw new TypeError("Promise executor has already been invoked");
    made.resolve = resolve;
    made.reject = reject;
  });
  if (!isCallable(made.resolve) || !isCallable(made.reject)) throw new TypeError("Promise resolve or reject function is not callable");
  return made;
}

class Promise_ {
  #inner;

  constructor(executor) {
    if (!isCallable(executor)) throw new TypeError(`Promise resolver ${String(executor)} is not a function`);
    this.#inner = { state: "pending", value: undefined, reactions: [], handled: false, self: this };
    const { resolve, reject } = resolvers(this.#inner);
    try {
      executor(resolve, reject);
    } catch (error) {
      reject(error);
    }
  }

  then(onFulfilled, onRejected) {
    if (!isObject(this) || !(#inner in this)) throw new TypeError("Promise.prototype.then called on what is no promise");
    const constructor = this.constructor?.[Symbol.species] ?? Promise_;
    return Promise_.react(this, onFulfilled, onRejected, capability(constructor));
  }

  catch(onRejected) {
    return this.then(undefined, onRejected);
  }

  finally(onFinally) {
    if (!isCallable(onFinally)) return this.then(onFinally, onFinally);
    const constructor = this.constructor?.[Symbol.species] ?? Promise_;
    return this.then(
      (value) => constructor.resolve(onFinally()).then(() => value),
      (error) =>
        constructor.resolve(onFinally()).then(() => {
          throw error;
        }),
    );
  }

  static react(promise, onFulfilled, onRejected, capability) {
    const inner = promise.#inner;
    const reaction = {
      capability,
      onFulfilled: isCallable(onFulfilled) ? onFulfilled : undefined,
      onRejected: isCallable(onRejected) ? onRejected : undefined,
    };
    if (inner.state === "pending") inner.reactions.push(reaction);
    else {
      if (inner.state === "rejected" && !inner.handled) rejected.delete(promise);
      const { state, value } = inner;
      enqueue(() => react(reaction, state, value));
    }
    inner.handled = true;
    return capability.promise;
  }

  static look(value) {
    return isObject(value) && #inner in value ? value.#inner : undefined;
  }

  static get [Symbol.species]() {
    return this;
  }

  static resolve(value) {
    if (Promise_.look(value) && value.constructor === this) return value;
    const made = capability(this);
    made.resolve(value);
    return made.promise;
  }

  static reject(error) {
    const made = capability(this);
    made.reject(error);
    return made.promise;
  }

  static withResolvers() {
    return capability(this);
  }

  static try(callback, ...values) {
    return new this((resolve) => resolve(callback(...values)));
  }

  static all(values) {
    return gather(this, values, (results, index, count, made) => [
      (value) => {
        results[index] = value;
        if (--count.left === 0) made.resolve(results);
      },
      made.reject,
    ]);
  }

  static allSettled(values) {
    const keep = (results, index, count, made, name, status) => (value) => {
      results[index] = { status, [name]: value };
      if (--count.left === 0) made.resolve(results);
    };
    return gather(this, values, (...at) => [keep(...at, "value", "fulfilled"), keep(...at, "reason", "rejected")]);
  }

  static any(values) {
    return gather(
      this,
      values,
      (errors, index, count, made) => [
        made.resolve,
        (error) => {
          errors[index] = error;
          if (--count.left === 0) made.reject(new AggregateError(errors, "All promises were rejected"));
        },
      ],
      (errors, made) => made.reject(new AggregateError(errors, "All promises were rejected")),
    );
  }

  static race(values) {
    const made = capability(this);
    try {
      for (const value of values) this.resolve(value).then(made.resolve, made.reject);
    } catch (error) {
      made.reject(error);
    }
    return made.promise;
  }
}

/// What `all`, `allSettled` and `any` share.
function gather(constructor, values, handlers, whenEmpty = (results, made) => made.resolve(results)) {
  const made = capability(constructor);
  try {
    const results = [];
    const count = { left: 1 };
    let index = 0;
    for (const value of values) {
      count.left++;
      results.push(undefined);
      constructor.resolve(value).then(...handlers(results, index++, count, made));
    }
    if (--count.left === 0) whenEmpty(results, made);
  } catch (error) {
    made.reject(error);
  }
  return made.promise;
}

Object.defineProperty(Promise_, "name", { value: "Promise" });
Object.defineProperty(Promise_.prototype, Symbol.toStringTag, { value: "Promise", configurable: true });

export { Promise_ as Promise };

/// State and value of a promise; undefined for anything else.
export function look(value) {
  return Promise_.look(value);
}

const ignored = { resolve() {}, reject() {}, promise: undefined };

/// Goes on with a value once it is settled: what `await` does.
function wait(value, onFulfilled, onRejected) {
  let promise;
  try {
    promise = Promise_.resolve(value);
  } catch (error) {
    promise = Promise_.reject(error);
  }
  Promise_.react(promise, onFulfilled, onRejected, ignored);
}

/// Runs a generator as the body of an async function: it yields what it awaits.
export function run(generator) {
  const made = capability(Promise_);
  const step = (method, value) => {
    let next;
    try {
      next = generator[method](value);
    } catch (error) {
      return made.reject(error);
    }
    if (next.done) made.resolve(next.value);
    else wait(next.value, (value) => step("next", value), (error) => step("throw", error));
  };
  step("next");
  return made.promise;
}

/// Marks what an async generator awaits, among what it yields.
class Awaited {
  constructor(value) {
    this.value = value;
  }
}

export function awaited(value) {
  return new Awaited(value);
}

const AsyncIteratorPrototype = {
  [Symbol.asyncIterator]() {
    return this;
  },
};

/// An async generator over a generator that yields what it yields, and `awaited` what it awaits.
export function generate(generator) {
  const queue = [];
  let running = false;
  const pump = () => {
    if (running || queue.length === 0) return;
    running = true;
    const { method, value, made } = queue[0];
    const finish = (how, value) => {
      queue.shift();
      running = false;
      made[how](value);
      pump();
    };
    const step = (method, value) => {
      let next;
      try {
        next = generator[method](value);
      } catch (error) {
        return finish("reject", error);
      }
      const { value: given, done } = next;
      if (given instanceof Awaited) wait(given.value, (value) => step("next", value), (error) => step("throw", error));
      else if (done) wait(given, (value) => finish("resolve", { value, done: true }), (error) => finish("reject", error));
      else wait(given, (value) => finish("resolve", { value, done: false }), (error) => step("throw", error));
    };
    step(method, value);
  };
  const ask = (method) => (value) => {
    const made = capability(Promise_);
    queue.push({ method, value, made });
    pump();
    return made.promise;
  };
  return Object.assign(Object.create(AsyncIteratorPrototype), {
    next: ask("next"),
    return: ask("return"),
    throw: ask("throw"),
  });
}

/// For `for await`: an iterator whose values are to be awaited, each `{ done, value }`.
export function* steps(iterable) {
  const asynchronous = iterable[Symbol.asyncIterator];
  const iterator = asynchronous ? asynchronous.call(iterable) : iterable[Symbol.iterator]();
  let finished = false;
  try {
    while (!finished) {
      const next = iterator.next();
      const step = asynchronous ? next : next.done ? next : Promise_.resolve(next.value).then((value) => ({ value, done: false }));
      yield Promise_.resolve(step).then((step) => {
        finished = step.done;
        return step;
      });
    }
  } finally {
    if (!finished) iterator.return?.();
  }
}
