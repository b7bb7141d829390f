// Runner `javascript_runner`: QuickJS with the small part of node that programs use, one program a run.
//
// This file is run once, when the component is built; what it leaves in memory is the component.
//
// In: a program's text, as node would run a script (CommonJS; an `import` is understood too). Out: how it ended. Left out on
// purpose: limits, which are the host's; and any attempt to hide this file from the program. It knows nothing that is
// worth finding, and the next run has another engine.

import { decode, encode } from "./bytes.js";
import { inspect } from "./inspect.js";
import { change } from "./language.js";
import * as loop from "./loop.js";
import { Exit, flush, globals, process, require, state, statusOf } from "./node.js";
import * as promise from "./promise.js";
import { Unsupported, rewrite } from "./rewrite.js";

// Errors are told in so many characters.
const MAX_TOLD = 500;
const FILE = "/program.js";

change();
for (const [name, value] of Object.entries(globals)) {
  Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });
}
for (const name of ["__cqjs", "wit"]) delete globalThis[name];
const compile = eval;

/// What rewritten programs call.
const $async = {
  run: promise.run,
  generate: promise.generate,
  awaited: promise.awaited,
  steps: promise.steps,
  load: (require, name) =>
    promise.Promise.try(() => {
      const module = require(name);
      return { ...module, default: module.default ?? module };
    }),
};

export const plugin = {
  describe: () => ({ name: "javascript_runner", version: "0.1.0", summary: "Runs JavaScript programs as node would, on QuickJS.", settings: [] }),
  configure() {},
};

export const runner = {
  language: () => "javascript",

  compile(source) {
    let text;
    try {
      text = rewrite(source.replace(/^\ufeff/, "").replace(/^#!/, "//"));
      whole(text);
    } catch (error) {
      if (!(error instanceof Unsupported)) return { tag: "rejected", val: told(error) };
      // It is a program, though not for this engine: it fails when it is run.
      text = `throw new Error(${JSON.stringify(error.message)});`;
    }
    return { tag: "code", val: encode(text) };
  },

  run({ code, timeMs }) {
    let ending;
    try {
      const main = whole(decode(code));
      loop.start(timeMs);
      const module = { exports: {}, filename: FILE, id: ".", loaded: false, children: [], paths: [] };
      require.main = module;
      const result = main.call(module.exports, module.exports, require, module, FILE, "/", $async);
      if (promise.look(result)) result.then(undefined, undefined);
      loop.run(refuseUnhandled);
      process.emit("beforeExit", statusOf(process.exitCode));
      loop.run(refuseUnhandled);
      process.exit();
    } catch (error) {
      ending = state.exiting ? { tag: "exited", val: state.status } : failed(error);
    }
    flush();
    return ending;
  },
};

/// A rewritten program as a function of what node gives a module.
function whole(text) {
  return compile(`(function (exports, require, module, __filename, __dirname, $async) {${text}\n})`);
}

function failed(error) {
  return { tag: "failed", val: told(error) };
}

/// Ends the program if a promise was rejected and nobody cared.
function refuseUnhandled() {
  const lost = promise.unhandled();
  if (!lost) return;
  promise.forgetUnhandled(lost);
  const reason = promise.look(lost).value;
  if (process.listenerCount("unhandledRejection") > 0) process.emit("unhandledRejection", reason, lost);
  else throw reason;
}

/// An error in one line.
function told(error) {
  let text = "an error that cannot be told";
  try {
    if (error instanceof Error || (typeof error === "object" && error !== null && "stack" in error && "message" in error)) {
      text = `${error.name}: ${error.message}`;
      const line = /<(?:input|eval|evalScript)>:(\d+)/.exec(String(error.stack))?.[1];
      text = text.replace(/\s+/g, " ").slice(0, MAX_TOLD) + (line ? ` (line ${line})` : error.loc ? ` (line ${error.loc.line})` : "");
    } else text = `Uncaught ${inspect(error)}`.replace(/\s+/g, " ").slice(0, MAX_TOLD);
  } catch {}
  return text.toWellFormed();
}
