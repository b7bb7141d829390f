// Runs a candidate program in JavaScript and calls its functions.
//
// In, in place of `undefined` at the end, as this engine may have no standard input: the same task as `candidate.py`,
// whose calls are all by name. Out, by `console.log`: the same lines, with values as `data.py` writes them. `undefined` is null, a
// number without a fraction an integer, a Map or a plain object a dict; any other object is `{"object": "Pair", "id": 0}`.
//
// Left out on purpose: what the calls should give; and checks, which are in Python.
(function (task) {
  const print = console.log.bind(console);
  const { stringify } = JSON;
  const say = (result) => print("\u001e" + stringify(result));
  const told = (error) =>
    error instanceof Error ? [String(error.name), String(error.message).slice(0, 300)] : ["Error", String(error).slice(0, 300)];

  function encode(value) {
    if (value === undefined || value === null) return null;
    if (typeof value === "boolean") return value;
    if (typeof value === "string") {
      const isAlone = /[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?:^|[^\uD800-\uDBFF])[\uDC00-\uDFFF]/.test(value);
      return isAlone ? { points: Array.from(value, (character) => character.codePointAt(0)) } : value;
    }
    if (typeof value === "number") {
      if (Number.isFinite(value)) return value;
      return { float: String(value) };
    }
    if (typeof value === "bigint") return { int: value.toString() };
    if (Array.isArray(value)) return Array.from(value, encode);
    if (value instanceof Set) return { set: Array.from(value, encode) };
    if (value instanceof Map) return { dict: Array.from(value, (pair) => pair.map(encode)) };
    if (typeof value === "object") {
      const prototype = Object.getPrototypeOf(value);
      if (prototype === null || prototype === Object.prototype) {
        return { dict: Object.keys(value).map((key) => [key, encode(value[key])]) };
      }
    }
    return { object: String((value.constructor && value.constructor.name) || typeof value), id: 0 };
  }

  function decode(data) {
    if (Array.isArray(data)) return data.map(decode);
    if (data === null || typeof data !== "object") return data;
    const pairs = data.dict.map(([key, value]) => [key, decode(value)]);
    return Object.fromEntries(pairs);
  }

  for (const name of ["log", "info", "debug", "warn", "error"]) console[name] = () => {};
  try {
    new Function(task.source);
  } catch (error) {
    return say({ "not-compiled": told(error).join(": ") });
  }
  let named;
  try {
    // What the program declares is seen by what is evaluated with it, and by nothing else.
    named = (0, eval)(task.source + "\n;(function (name) { return eval('typeof ' + name + ' === \"undefined\" ? undefined : ' + name); })");
  } catch (error) {
    return say({ failed: told(error) });
  }
  for (const call of task.calls) {
    try {
      const name = call.of.name;
      let given = named(name);
      if (given === undefined) {
        const Solution = named("Solution");
        const solution = Solution && new Solution();
        if (!solution || !(name in solution)) throw new ReferenceError("the program does not define " + name);
        given = solution[name].bind(solution);
      }
      say({ value: encode(given(...(call.args || []).map(decode))) });
    } catch (error) {
      say({ raised: told(error) });
    }
  }
})(undefined);
