// The small part of node that programs for a test of input and output use.
//
// In: standard input and output of the contract. Out: the globals and modules of node. Left out on purpose: files, network,
// other processes; a module that is not here is not found, as if it did not exist.

import stdio from "ts-host:plugin/stdio@0.3.0";
import { Buffer, TextDecoder, TextEncoder, decode, encode } from "./bytes.js";
import { EventEmitter } from "./events.js";
import { format, inspect } from "./inspect.js";
import { VirtualDate, after, now, timers } from "./loop.js";
import { Promise, enqueue, enqueueTick } from "./promise.js";

/// What is thrown to leave a program. It counts even where the program catches it.
export const Exit = Symbol("exit");
export const state = { exiting: false, status: 0 };

// Output.

let pending = [];
let pendingLength = 0;

export function flush() {
  if (pendingLength) stdio.write(encode(pending.join("")));
  pending = [];
  pendingLength = 0;
}

function write(data) {
  if (state.exiting) return true;
  if (typeof data === "string") {
    pending.push(data);
    pendingLength += data.length;
    if (pendingLength > 1 << 16) flush();
  } else {
    flush();
    stdio.write(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return true;
}

const text = (data) => (typeof data === "string" || ArrayBuffer.isView(data) ? data : String(data));

class Output extends EventEmitter {
  writable = true;
  columns = 80;
  isTTY = false;

  constructor(fd) {
    super();
    this.fd = fd;
  }

  write(data, encoding, done) {
    if (typeof data !== "string" && !ArrayBuffer.isView(data)) {
      throw Object.assign(new TypeError(`The "chunk" argument must be of type string or an instance of Buffer, TypedArray, or DataView. Received ${inspect(data)}`), { code: "ERR_INVALID_ARG_TYPE" });
    }
    if (this.fd === 1) write(data);
    if (typeof encoding === "function") done = encoding;
    if (done) enqueueTick(() => done());
    return true;
  }

  end(data) {
    if (data !== undefined) this.write(data);
    enqueueTick(() => this.emit("finish"));
  }

  cork() {}
  uncork() {}
}

// Input.

let rest;

/// What is left of standard input, as bytes.
function input() {
  if (rest === undefined) {
    const parts = [];
    for (;;) {
      const part = stdio.read(1 << 20);
      if (part.length === 0) break;
      parts.push(part);
    }
    rest = parts.length === 1 ? Buffer.from(parts[0]) : Buffer.concat(parts);
  }
  return rest;
}

function takeInput(most = Infinity) {
  const all = input();
  const taken = most >= all.length ? all : all.subarray(0, most);
  rest = all.subarray(taken.length);
  return taken;
}

class Input extends EventEmitter {
  fd = 0;
  isTTY = undefined;
  readable = true;
  #encoding;
  #flowing = false;
  #scheduled = false;
  #ended = false;

  constructor() {
    super();
    super.on("newListener", (event) => {
      if (event === "data") this.resume();
      if (event === "readable" || event === "end") this.#schedule();
    });
  }

  setEncoding(encoding = "utf8") {
    this.#encoding = encoding;
    return this;
  }

  resume() {
    this.#flowing = true;
    this.#schedule();
    return this;
  }

  pause() {
    this.#flowing = false;
    return this;
  }

  read() {
    const taken = takeInput();
    return taken.length === 0 ? null : this.#chunk(taken);
  }

  ref() {
    return this;
  }

  unref() {
    return this;
  }

  setRawMode() {
    return this;
  }

  destroy() {
    this.pause();
    return this;
  }

  pipe(to) {
    this.on("data", (chunk) => to.write(chunk));
    this.on("end", () => to !== process.stdout && to.end?.());
    return to;
  }

  async_iterator_chunks() {
    const taken = takeInput();
    return taken.length ? [this.#chunk(taken)] : [];
  }

  [Symbol.asyncIterator]() {
    return iterate(() => this.async_iterator_chunks());
  }

  #chunk(bytes) {
    return this.#encoding ? bytes.toString(this.#encoding) : bytes;
  }

  #schedule() {
    if (this.#scheduled || this.#ended) return;
    this.#scheduled = true;
    after(0, () => {
      this.#scheduled = false;
      this.#turn();
    });
  }

  #turn() {
    if (this.#ended) return;
    const wanted = this.listenerCount("readable") > 0;
    if (!this.#flowing && !wanted) return;
    if (input().length > 0) {
      if (wanted) {
        this.emit("readable");
        // What is not read now is not offered again.
        if (input().length > 0) return;
      } else {
        // node reads pipes in pieces of this size, and never splits a character.
        let size = Math.min(1 << 16, input().length);
        while (this.#encoding && size < input().length && (input()[size] & 0xc0) === 0x80) size--;
        this.emit("data", this.#chunk(takeInput(size)));
      }
      return this.#schedule();
    }
    this.#ended = true;
    if (wanted) this.emit("readable");
    this.emit("end");
    this.emit("close");
  }
}

/// An asynchronous iterator over what a function returns, asked once.
function iterate(values) {
  let left;
  return {
    next() {
      left ??= values();
      return Promise.resolve(left.length ? { value: left.shift(), done: false } : { value: undefined, done: true });
    },
    return() {
      left = [];
      return Promise.resolve({ value: undefined, done: true });
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

// Lines.

class Interface extends EventEmitter {
  #lines;
  #output;
  #prompt = "> ";
  #asked = [];
  #scheduled = false;
  #paused = false;
  closed = false;
  terminal = false;
  line = "";

  constructor(options = {}, output) {
    super();
    if (options instanceof Input) options = { input: options, output };
    this.#output = options.output;
    super.on("newListener", (event) => {
      if (event === "line" || event === "close") this.#schedule();
    });
    this.#schedule();
  }

  #schedule() {
    if (this.#scheduled || this.closed) return;
    this.#scheduled = true;
    after(0, () => {
      this.#scheduled = false;
      this.#turn();
    });
  }

  #next() {
    if (!this.#lines) {
      this.#lines = decode(takeInput()).split(/\r\n|\n|\r/);
      if (this.#lines.at(-1) === "") this.#lines.pop();
      this.#lines.reverse();
    }
    return this.#lines.pop();
  }

  /// Hands out lines while somebody wants them. Lines that nobody asks for wait; node would lose them.
  #turn() {
    while (!this.closed && !this.#paused) {
      if (this.#asked.length === 0 && this.listenerCount("line") === 0 && this.listenerCount("close") === 0) return;
      const line = this.#next();
      if (line === undefined) return this.close();
      const asked = this.#asked.shift();
      if (asked) {
        asked(line);
        // Who asks again does so in a job of its own.
        if (this.#asked.length === 0) return this.#schedule();
      } else if (this.listenerCount("line") > 0) this.emit("line", line);
    }
  }

  question(query, options, answer) {
    this.#output?.write(query);
    this.#asked.push(answer ?? options);
    this.#schedule();
  }

  ask(query) {
    return new Promise((resolve) => this.question(query, resolve));
  }

  setPrompt(prompt) {
    this.#prompt = prompt;
  }

  getPrompt() {
    return this.#prompt;
  }

  prompt() {
    this.#output?.write(this.#prompt);
    this.resume();
  }

  write() {}

  pause() {
    this.#paused = true;
    this.emit("pause");
    return this;
  }

  resume() {
    this.#paused = false;
    this.#schedule();
    return this;
  }

  close() {
    if (this.closed) return;
    this.closed = true;
    this.emit("close");
  }

  [Symbol.asyncIterator]() {
    return iterate(() => {
      const lines = [];
      for (let line; (line = this.#next()) !== undefined; ) lines.push(line);
      this.closed = true;
      enqueue(() => this.emit("close"));
      return lines;
    });
  }
}

const readline = {
  createInterface: (options, output) => new Interface(options, output),
  Interface,
  clearLine: () => true,
  cursorTo: () => true,
  moveCursor: () => true,
  emitKeypressEvents() {},
};

class PromiseInterface extends Interface {
  question(query, ...rest) {
    return rest.length && typeof rest.at(-1) === "function" ? super.question(query, ...rest) : this.ask(query);
  }

  ask(query) {
    return new Promise((resolve) => super.question(query, resolve));
  }
}
readline.promises = { createInterface: (options, output) => new PromiseInterface(options, output), Interface: PromiseInterface };

// Files, of which there are three.

const FILES = { "/dev/stdin": 0, "/proc/self/fd/0": 0, "/dev/fd/0": 0, "/dev/stdout": 1, "/dev/stderr": 2 };

function descriptor(path, call) {
  const fd = typeof path === "number" ? path : FILES[String(path)];
  if (fd === undefined || fd < 0 || fd > 2) {
    const bad = typeof path === "number";
    const what = bad ? `EBADF: bad file descriptor, ${call}` : `ENOENT: no such file or directory, ${call} '${path}'`;
    throw Object.assign(new Error(what), { errno: bad ? -9 : -2, code: bad ? "EBADF" : "ENOENT", syscall: call, ...(bad ? {} : { path }) });
  }
  return fd;
}

function readFileSync(path, options) {
  descriptor(path, "open");
  const encoding = typeof options === "string" ? options : options?.encoding;
  const all = takeInput();
  return encoding && encoding !== "buffer" ? all.toString(encoding) : all;
}

function writeSync(path, data, offset, length) {
  if (typeof data !== "string" && !ArrayBuffer.isView(data)) data = String(data);
  if (ArrayBuffer.isView(data) && typeof offset === "number") data = data.subarray(offset, length === undefined ? undefined : offset + length);
  if (descriptor(path, "open") === 1) write(data);
  return data.length;
}

function readSync(fd, buffer, offset = 0, length = buffer.length - offset) {
  descriptor(fd, "read");
  if (typeof offset === "object") ({ offset = 0, length = buffer.length - offset } = offset);
  const taken = takeInput(length);
  buffer.set(taken, offset);
  return taken.length;
}

const later = (call) => (...values) => {
  const done = values.pop();
  after(0, () => {
    let result;
    try {
      result = call(...values);
    } catch (error) {
      return done(error);
    }
    done(null, result);
  });
};

const promised = (call) => (...values) => Promise.try(() => call(...values));

const fs = {
  readFileSync,
  readSync,
  writeSync,
  writeFileSync: (path, data) => void writeSync(path, text(data)),
  appendFileSync: (path, data) => void writeSync(path, text(data)),
  openSync: (path) => descriptor(path, "open"),
  closeSync() {},
  fsyncSync() {},
  existsSync: (path) => String(path) in FILES,
  fstatSync: (fd) => ({ size: fd === 0 ? input().length : 0, isFile: () => false, isFIFO: () => true, isDirectory: () => false }),
  readFile: later(readFileSync),
  writeFile: later((path, data) => void writeSync(path, text(data))),
  createReadStream: (path, options) => {
    descriptor(path ?? options?.fd, "open");
    return process.stdin;
  },
  createWriteStream: (path, options) => (descriptor(path ?? options?.fd, "open") === 1 ? process.stdout : process.stderr),
};
fs.statSync = (path) => fs.fstatSync(descriptor(path, "stat"));
fs.promises = { readFile: promised(readFileSync), writeFile: promised(fs.writeFileSync) };

// The process.

class Process extends EventEmitter {
  argv = ["/usr/local/bin/node", "/program.js"];
  argv0 = "node";
  env = {};
  execArgv = [];
  exitCode = undefined;
  pid = 42;
  platform = "linux";
  arch = "wasm32";
  title = "node";
  version = "v20.0.0";
  versions = { node: "20.0.0", v8: "11.3.0" };
  release = { name: "node" };
  stdin = new Input();
  stdout = new Output(1);
  stderr = new Output(2);

  exit(status = this.exitCode) {
    if (!state.exiting) {
      state.status = statusOf(status);
      const leaving = state.leaving;
      state.leaving = true;
      if (!leaving) this.emit("exit", state.status);
      flush();
      state.exiting = true;
    }
    throw Exit;
  }

  reallyExit(status) {
    this.exit(status);
  }

  abort() {
    this.exit(134);
  }

  kill() {
    throw new Error("there are no other processes");
  }

  nextTick(call, ...values) {
    enqueueTick(() => call(...values));
  }

  cwd() {
    return "/";
  }

  uptime() {
    return now() / 1000;
  }

  memoryUsage() {
    return { rss: 1 << 25, heapTotal: 1 << 24, heapUsed: 1 << 23, external: 0, arrayBuffers: 0 };
  }

  cpuUsage() {
    return { user: Math.floor(now() * 1000), system: 0 };
  }

  emitWarning() {}

  hrtime = Object.assign(
    (since = [0, 0]) => {
      const ns = now() * 1e6 - (since[0] * 1e9 + since[1]);
      return [Math.floor(ns / 1e9), Math.floor(ns % 1e9)];
    },
    { bigint: () => BigInt(Math.floor(now() * 1e6)) },
  );
}
Object.defineProperty(Process.prototype, Symbol.toStringTag, { value: "process", configurable: true });

export function statusOf(status) {
  return (Number(status) || 0) & 255;
}

export const process = new Process();

// The console.

let group = "";
const counts = new Map();

function log(...values) {
  let line = format(...values);
  if (group) line = group + line.replaceAll("\n", `\n${group}`);
  write(`${line}\n`);
}

const quiet = () => {};

const console = {
  log,
  info: log,
  debug: log,
  dir: (value, options) => log(inspect(value, options)),
  error: quiet,
  warn: quiet,
  trace: quiet,
  assert: quiet,
  time: quiet,
  timeEnd: (label = "default") => log(`${label}: 0.01ms`),
  timeLog: (label = "default") => log(`${label}: 0.01ms`),
  group(...values) {
    if (values.length) log(...values);
    group += "  ";
  },
  groupEnd() {
    group = group.slice(2);
  },
  count(label = "default") {
    counts.set(label, (counts.get(label) ?? 0) + 1);
    log(`${label}: ${counts.get(label)}`);
  },
  countReset: (label = "default") => void counts.delete(label),
  table,
};
console.dirxml = log;
console.groupCollapsed = console.group;

function table(rows) {
  if (typeof rows !== "object" || rows === null) return log(rows);
  const shown = (value) => (typeof value === "object" && value !== null ? inspect(value, { depth: 0 }) : inspect(value));
  const columns = [];
  let hasValues = false;
  const lines = Object.entries(rows).map(([index, row]) => {
    if (typeof row !== "object" || row === null) return (hasValues = true), { index, cells: {}, value: shown(row) };
    for (const key of Object.keys(row)) if (!columns.includes(key)) columns.push(key);
    return { index, cells: Object.fromEntries(Object.entries(row).map(([key, value]) => [key, shown(value)])), value: "" };
  });
  const heads = ["(index)", ...columns, ...(hasValues ? ["Values"] : [])];
  const cells = lines.map((line) => [line.index, ...columns.map((key) => line.cells[key] ?? ""), ...(hasValues ? [line.value] : [])]);
  const widths = heads.map((head, column) => Math.max(head.length, ...cells.map((row) => row[column].length)) + 2);
  const centred = (cell, width) => " ".repeat(Math.floor((width - cell.length) / 2)) + cell + " ".repeat(Math.ceil((width - cell.length) / 2));
  const rule = (left, middle, right) => left + widths.map((width) => "─".repeat(width)).join(middle) + right;
  const row = (row) => `│${row.map((cell, column) => centred(cell, widths[column])).join("│")}│`;
  log([rule("┌", "┬", "┐"), row(heads), rule("├", "┼", "┤"), ...cells.map(row), rule("└", "┴", "┘")].join("\n"));
}

// Comparison.

function same(left, right, strict, seen = []) {
  if (strict ? Object.is(left, right) : left == right || (left !== left && right !== right)) return true;
  if (typeof left !== "object" || typeof right !== "object" || left === null || right === null) return false;
  if (strict && Object.getPrototypeOf(left) !== Object.getPrototypeOf(right)) return false;
  if (Array.isArray(left) !== Array.isArray(right)) return false;
  if (seen.some(([a, b]) => a === left && b === right)) return true;
  seen = [...seen, [left, right]];
  if (left instanceof VirtualDate && right instanceof VirtualDate) return left.getTime() === right.getTime();
  if (left instanceof RegExp && right instanceof RegExp) return String(left) === String(right);
  if (left instanceof Error && (left.message !== right.message || left.name !== right.name)) return false;
  if (left instanceof Set) {
    if (!(right instanceof Set) || left.size !== right.size) return false;
    return [...left].every((value) => right.has(value) || [...right].some((other) => same(value, other, strict, seen)));
  }
  if (left instanceof Map) {
    if (!(right instanceof Map) || left.size !== right.size) return false;
    return [...left].every(([key, value]) => (right.has(key) ? same(value, right.get(key), strict, seen) : [...right].some(([k, v]) => same(key, k, strict, seen) && same(value, v, strict, seen))));
  }
  const keys = Object.keys(left);
  return keys.length === Object.keys(right).length && keys.every((key) => Object.hasOwn(right, key) && same(left[key], right[key], strict, seen));
}

class AssertionError extends Error {
  name = "AssertionError";
  code = "ERR_ASSERTION";

  constructor(options) {
    super(options.message ?? "Failed");
    Object.assign(this, { actual: options.actual, expected: options.expected, operator: options.operator, generatedMessage: !options.message });
  }
}

function check(holds, message, fallback, more = {}) {
  if (holds) return;
  if (message instanceof Error) throw message;
  throw new AssertionError({ message: message ?? fallback(), ...more });
}

const compared = (operator, holds, words) => (actual, expected, message) =>
  check(holds(actual, expected), message, () => `${words}\n\n${inspect(actual)} !== ${inspect(expected)}\n`, { actual, expected, operator });

const assert = Object.assign((value, message) => check(value, message, () => "The expression evaluated to a falsy value"), {
  ok: (value, message) => check(value, message, () => "The expression evaluated to a falsy value"),
  fail: (message = "Failed") => check(false, message),
  equal: compared("==", (a, b) => a == b || (a !== a && b !== b), "Expected values to be loosely equal:"),
  notEqual: compared("!=", (a, b) => a != b, 'Expected "actual" to be loosely unequal to:'),
  strictEqual: compared("strictEqual", Object.is, "Expected values to be strictly equal:"),
  notStrictEqual: compared("notStrictEqual", (a, b) => !Object.is(a, b), 'Expected "actual" to be strictly unequal to:'),
  deepEqual: compared("deepEqual", (a, b) => same(a, b, false), "Expected values to be loosely deep-equal:"),
  deepStrictEqual: compared("deepStrictEqual", (a, b) => same(a, b, true), "Expected values to be strictly deep-equal:"),
  notDeepEqual: compared("notDeepEqual", (a, b) => !same(a, b, false), 'Expected "actual" not to be loosely deep-equal to:'),
  notDeepStrictEqual: compared("notDeepStrictEqual", (a, b) => !same(a, b, true), 'Expected "actual" not to be strictly deep-equal to:'),
  throws(call, expected, message) {
    try {
      call();
    } catch (error) {
      const fits =
        typeof expected !== "function" && !(expected instanceof RegExp)
          ? typeof expected !== "object" || Object.keys(expected).every((key) => (expected[key] instanceof RegExp ? expected[key].test(error[key]) : same(error[key], expected[key], true)))
          : expected instanceof RegExp
            ? expected.test(String(error))
            : error instanceof expected || (!Error.isPrototypeOf(expected) && expected(error) === true);
      if (!fits) throw error;
      return;
    }
    check(false, typeof expected === "string" ? expected : message, () => "Missing expected exception.");
  },
  doesNotThrow: (call) => void call(),
  match: (value, pattern, message) => check(pattern.test(value), message, () => `The input did not match the regular expression ${pattern}`),
  AssertionError,
});
assert.strict = assert;

// What else may be asked for.

const util = {
  inspect,
  format,
  isDeepStrictEqual: (a, b) => same(a, b, true),
  promisify: (call) => (...values) => new Promise((resolve, reject) => call(...values, (error, value) => (error ? reject(error) : resolve(value)))),
  inherits(constructor, parent) {
    constructor.super_ = parent;
    Object.setPrototypeOf(constructor.prototype, parent.prototype);
  },
  deprecate: (call) => call,
  types: { isPromise: (value) => value instanceof Promise, isDate: (value) => value instanceof VirtualDate, isRegExp: (value) => value instanceof RegExp },
  isArray: Array.isArray,
  TextEncoder,
  TextDecoder,
};

function normalize(path) {
  const parts = [];
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part === ".." && parts.length && parts.at(-1) !== "..") parts.pop();
    else if (part !== ".." || !path.startsWith("/")) parts.push(part);
  }
  return (path.startsWith("/") ? "/" : "") + parts.join("/") || ".";
}

const path = {
  sep: "/",
  delimiter: ":",
  normalize,
  join: (...parts) => normalize(parts.filter(Boolean).join("/")),
  resolve: (...parts) => normalize(parts.reduce((whole, part) => (part.startsWith("/") ? part : `${whole}/${part}`), "/")),
  isAbsolute: (path) => path.startsWith("/"),
  basename: (path, end = "") => {
    const name = path.replace(/\/+$/, "").split("/").pop();
    return end && name !== end && name.endsWith(end) ? name.slice(0, -end.length) : name;
  },
  dirname: (path) => path.replace(/\/+$/, "").replace(/\/?[^/]*$/, "") || (path.startsWith("/") ? "/" : "."),
  extname: (path) => path.match(/[^/](\.[^./]*)$/)?.[1] ?? "",
};
path.posix = path;

export const performance = {
  now,
  timeOrigin: VirtualDate.now(),
  mark() {},
  measure() {},
  toJSON: () => ({}),
};

const sleep = (ms, value) => new Promise((resolve) => timers.setTimeout(resolve, ms, value));

const MODULES = {
  assert,
  "assert/strict": assert,
  buffer: { Buffer },
  console,
  events: EventEmitter,
  fs,
  "fs/promises": fs.promises,
  os: { EOL: "\n", cpus: () => [{}], platform: () => "linux", type: () => "Linux", totalmem: () => 1 << 30, freemem: () => 1 << 29, availableParallelism: () => 1, tmpdir: () => "/tmp", hostname: () => "localhost" },
  path,
  perf_hooks: { performance },
  process,
  readline,
  "readline/promises": readline.promises,
  string_decoder: {
    StringDecoder: class {
      write(bytes) {
        return decode(bytes);
      }
      end(bytes) {
        return bytes ? decode(bytes) : "";
      }
    },
  },
  timers,
  "timers/promises": { setTimeout: sleep, setImmediate: (value) => new Promise((resolve) => timers.setImmediate(resolve, value)) },
  tty: { isatty: () => false },
  url: { fileURLToPath: (url) => String(url).replace(/^file:\/\//, "") },
  util,
};

export function require(name) {
  const bare = String(name).replace(/^node:/, "");
  if (Object.hasOwn(MODULES, bare)) return MODULES[bare];
  throw Object.assign(new Error(`Cannot find module '${name}'`), { code: "MODULE_NOT_FOUND" });
}
require.resolve = (name) => (require(name), name);
require.cache = {};

function clone(value, seen = new Map()) {
  if (typeof value === "function" || typeof value === "symbol") throw new Error(`${String(value)} could not be cloned.`);
  if (typeof value !== "object" || value === null) return value;
  if (seen.has(value)) return seen.get(value);
  const keep = (copy) => (seen.set(value, copy), copy);
  if (value instanceof VirtualDate) return keep(new VirtualDate(value.getTime()));
  if (value instanceof RegExp) return keep(new RegExp(value.source, value.flags));
  if (value instanceof Map) {
    const copy = keep(new Map());
    for (const [key, entry] of value) copy.set(clone(key, seen), clone(entry, seen));
    return copy;
  }
  if (value instanceof Set) {
    const copy = keep(new Set());
    for (const entry of value) copy.add(clone(entry, seen));
    return copy;
  }
  if (value instanceof ArrayBuffer) return keep(value.slice(0));
  if (ArrayBuffer.isView(value)) return keep(new value.constructor(value));
  if (value instanceof Error) return keep(Object.assign(new value.constructor(value.message), { stack: value.stack }));
  const copy = keep(Array.isArray(value) ? new Array(value.length) : {});
  for (const key of Object.keys(value)) copy[key] = clone(value[key], seen);
  return copy;
}

export const globals = {
  Buffer,
  Date: VirtualDate,
  Promise,
  TextDecoder,
  TextEncoder,
  console,
  global: globalThis,
  performance,
  process,
  queueMicrotask: (call) => enqueue(() => call()),
  structuredClone: (value) => clone(value),
  ...timers,
};
