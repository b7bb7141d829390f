// `util.inspect` and `util.format`: values as text, laid out as node lays them out.
//
// In: a value. Out: text. Left out on purpose: colours, proxies' insides, hidden properties, and what node knows of an
// object that its language does not tell (the entries of a weak map).

import { look } from "./promise.js";

const custom = Symbol.for("nodejs.util.inspect.custom");
const NAME = /^[a-zA-Z_][a-zA-Z_0-9]*$/;

export function inspect(value, options = {}) {
  if (typeof options === "boolean") options = { depth: arguments[2] };
  const context = {
    depth: 2,
    breakLength: 80,
    compact: 3,
    maxArrayLength: 100,
    maxStringLength: 10000,
    sorted: false,
    getters: false,
    ...options,
    indentation: 0,
    level: 0,
    seen: [],
    circular: new Map(),
  };
  if (context.depth === null) context.depth = Infinity;
  if (context.maxArrayLength === null) context.maxArrayLength = Infinity;
  if (context.compact === true) context.compact = 3;
  return show(context, value, 0, false);
}
inspect.custom = custom;
inspect.defaultOptions = {};

function show(context, value, depth, typed) {
  if (value === null || (typeof value !== "object" && typeof value !== "function")) return primitive(context, value, depth, typed);
  const own = value[custom];
  if (typeof own === "function" && own !== inspect) {
    const shown = own.call(value, context.depth - depth, { ...context }, inspect);
    if (shown !== value) return typeof shown === "string" ? shown.replaceAll("\n", `\n${" ".repeat(context.indentation)}`) : show(context, shown, depth);
  }
  if (context.seen.includes(value)) {
    if (!context.circular.has(value)) context.circular.set(value, context.circular.size + 1);
    return `[Circular *${context.circular.get(value)}]`;
  }
  return raw(context, value, depth, typed);
}

const ESCAPES = { "\n": "\\n", "\t": "\\t", "\r": "\\r", "\b": "\\b", "\f": "\\f", "\v": "\\v", "\\": "\\\\" };

export function quote(text) {
  const mark = !text.includes("'") ? "'" : !text.includes('"') ? '"' : !text.includes("`") && !text.includes("${") ? "`" : "'";
  const escaped = text.replace(/[\x00-\x1f\x7f-\x9f\\]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, (c) => {
    const code = c.charCodeAt(0);
    return ESCAPES[c] ?? (code > 255 ? `\\u${code.toString(16).toUpperCase()}` : `\\x${code.toString(16).toUpperCase().padStart(2, "0")}`);
  });
  return mark + (mark === "'" ? escaped.replaceAll("'", "\\'") : escaped) + mark;
}

function number(value) {
  return Object.is(value, -0) ? "-0" : String(value);
}

function primitive(context, value, depth, typed) {
  switch (typeof value) {
    case "string": {
      let more = "";
      if (value.length > context.maxStringLength) {
        const left = value.length - context.maxStringLength;
        value = value.slice(0, context.maxStringLength);
        more = `... ${left} more character${left > 1 ? "s" : ""}`;
      }
      if (!typed && value.length > 16 && value.length > context.breakLength - context.indentation - 4 && value.includes("\n")) {
        const lines = value.split(/(?<=\n)/).map(quote);
        return lines.join(` +\n${" ".repeat(context.indentation + 2)}`) + more;
      }
      return quote(value) + more;
    }
    case "number":
      return number(value);
    case "bigint":
      return `${value}n`;
    case "symbol":
      return Symbol.prototype.toString.call(value);
    default:
      return String(value);
  }
}

/// The name of the class that made an object; null for an object without one.
function className(value) {
  for (let at = value; at; at = Object.getPrototypeOf(at)) {
    const made = Object.getOwnPropertyDescriptor(at, "constructor");
    if (made && typeof made.value === "function" && made.value.name !== "" && isInstance(value, made.value)) return made.value.name;
  }
  return null;
}

function isInstance(value, constructor) {
  try {
    return value instanceof constructor;
  } catch {
    return false;
  }
}

/// What stands before an object's brace.
function prefix(name, tag, fallback, size = "") {
  const shown = name === null ? `[${fallback}${size}: null prototype] ` : `${name}${size} `;
  return tag !== "" && name !== tag ? `${shown}[${tag}] ` : shown;
}

function keysOf(value) {
  const keys = Object.keys(value);
  for (const symbol of Object.getOwnPropertySymbols(value)) {
    if (Object.prototype.propertyIsEnumerable.call(value, symbol)) keys.push(symbol);
  }
  return keys;
}

function brand(value) {
  return Object.prototype.toString.call(value).slice(8, -1);
}

const isTyped = (value) => ArrayBuffer.isView(value) && !(value instanceof DataView);

function raw(context, value, depth, typed) {
  const name = className(value);
  let tag = value[Symbol.toStringTag];
  if (typeof tag !== "string" || tag === "") tag = "";
  let keys = keysOf(value);
  let braces = ["{", "}"];
  let base = "";
  let entries = () => [];
  let isArray = false;
  const promise = look(value);
  if (Array.isArray(value) || isTyped(value)) {
    keys = keys.filter((key) => typeof key === "symbol" || !/^(?:0|[1-9]\d*)$/.test(key));
    const shown = !Array.isArray(value) || name !== "Array" || tag !== "";
    braces = [`${shown ? prefix(name, isTyped(value) ? "" : tag, "Array", `(${value.length})`) : ""}[`, "]"];
    if (value.length === 0 && keys.length === 0) return `${braces[0]}]`;
    isArray = true;
    entries = () => elements(context, value, depth);
  } else if (value instanceof Set) {
    const start = prefix(name, tag, "Set", `(${value.size})`);
    if (value.size === 0 && keys.length === 0) return `${start}{}`;
    braces[0] = `${start}{`;
    entries = () => indented(context, () => limited(context, [...value], (entry) => show(context, entry, depth + 1)));
  } else if (value instanceof Map) {
    const start = prefix(name, tag, "Map", `(${value.size})`);
    if (value.size === 0 && keys.length === 0) return `${start}{}`;
    braces[0] = `${start}{`;
    entries = () =>
      indented(context, () => limited(context, [...value], ([key, entry]) => `${show(context, key, depth + 1)} => ${show(context, entry, depth + 1)}`));
  } else if (brand(value) === "Arguments") {
    braces = ["[Arguments] [", "]"];
    isArray = true;
    keys = keys.filter((key) => typeof key === "symbol" || !/^\d+$/.test(key));
    entries = () => elements(context, Array.from(value), depth);
  } else if (typeof value === "function") {
    base = functionBase(value, name, tag);
    if (keys.length === 0) return base;
  } else if (value instanceof RegExp) {
    base = RegExp.prototype.toString.call(value);
    if (keys.length === 0) return base;
  } else if (value instanceof Date) {
    base = Number.isNaN(value.getTime()) ? "Invalid Date" : value.toISOString();
    if (keys.length === 0) return base;
  } else if (value instanceof Error) {
    base = errorBase(value);
    keys = keys.filter((key) => key !== "stack" && key !== "message");
    if (Object.hasOwn(value, "cause") && !keys.includes("cause")) keys.push("cause");
    if (Array.isArray(value.errors) && Object.hasOwn(value, "errors") && !keys.includes("errors")) keys.push("errors");
    if (depth > 0 || context.indentation) {
      const at = base.indexOf("\n    at ");
      if (at < 0) base = `[${base}]`;
      if (context.indentation) base = base.replaceAll("\n", `\n${" ".repeat(context.indentation)}`);
    }
    if (keys.length === 0) return base;
    const shown = keys;
    keys = [];
    entries = () => shown.map((key) => (key === "cause" || key === "errors" ? property(context, value, key, depth, false, true) : property(context, value, key, depth)));
  } else if (promise) {
    braces[0] = `${prefix(name, tag, "Promise")}{`;
    entries = () =>
      promise.state === "pending" ? ["<pending>"] : indented(context, () => [(promise.state === "rejected" ? "<rejected> " : "") + show(context, promise.value, depth + 1)]);
  } else if (value instanceof WeakMap || value instanceof WeakSet) {
    braces[0] = `${prefix(name, "", "WeakMap")}{`;
    entries = () => ["<items unknown>"];
  } else if (value instanceof Number || value instanceof String || value instanceof Boolean || brand(value) === "BigInt" || brand(value) === "Symbol") {
    const inner = value.valueOf();
    const type = inner === null || typeof inner === "object" ? "Object" : typeof inner;
    base = `[${type[0].toUpperCase()}${type.slice(1)}: ${primitive(context, inner, 0, true)}]`;
    if (typeof inner === "string") keys = keys.slice(inner.length);
    if (keys.length === 0) return base;
  } else {
    const plain = name === "Object" && tag === "";
    if (/ Iterator$/.test(tag) && /^(?:Map|Set) Iterator$/.test(tag)) {
      braces[0] = `[${tag}] {`;
    } else braces[0] = `${plain ? "" : prefix(name, tag, "Object")}{`;
    if (keys.length === 0) return `${braces[0]}}`;
  }
  if (depth > context.depth) {
    const shown = name === null ? "Object: null prototype" : tag !== "" && tag !== name && !isArray ? `${name} [${tag}]` : name;
    return `[${Array.isArray(value) && name === "Array" ? "Array" : shown}]`;
  }
  context.seen.push(value);
  context.level = depth;
  if (context.sorted) keys.sort();
  const output = [...entries(), ...keys.map((key) => property(context, value, key, depth))];
  context.seen.pop();
  const reference = context.circular.get(value);
  if (reference !== undefined) {
    if (base === "") braces[0] = `<ref *${reference}> ${braces[0]}`;
    else base = `<ref *${reference}> ${base}`;
  }
  return layout(context, output, base, braces, isArray, depth, value);
}

function functionBase(value, name, tag) {
  const source = Function.prototype.toString.call(value);
  if (/^class\b/.test(source)) {
    const parent = Object.getPrototypeOf(value)?.name;
    const own = Object.hasOwn(value, "name") && value.name ? value.name : "(anonymous)";
    return `[class ${own}${parent ? ` extends ${parent}` : ""}]`;
  }
  const type = tag === "GeneratorFunction" ? tag : "Function";
  let base = value.name === "" ? `[${type} (anonymous)]` : `[${type}: ${value.name}]`;
  if (name === null) base += " [null prototype]";
  return base;
}

function errorBase(error) {
  let name = "Error";
  let message = "";
  try {
    name = String(error.name ?? className(error) ?? "Error");
    message = String(error.message);
  } catch {}
  const made = className(error);
  if (made && made !== name && name === "Error") name = made;
  const head = message === "" ? name : `${name}: ${message}`;
  return typeof error.stack === "string" && error.stack !== "" ? `${head}\n    at <anonymous>` : `[${head}]`;
}

function elements(context, value, depth) {
  const output = [];
  const most = Math.min(context.maxArrayLength, value.length);
  let index = 0;
  while (index < value.length && output.length < most) {
    if (!Object.hasOwn(value, index)) {
      const from = index;
      while (index < value.length && !Object.hasOwn(value, index)) index++;
      output.push(`<${index - from} empty item${index - from > 1 ? "s" : ""}>`);
    } else output.push(property(context, value, index++, depth, true));
  }
  const left = value.length - index;
  if (left > 0) output.push(`... ${left} more item${left > 1 ? "s" : ""}`);
  return output;
}

function limited(context, values, each) {
  const output = values.slice(0, context.maxArrayLength).map(each);
  const left = values.length - output.length;
  if (left > 0) output.push(`... ${left} more item${left > 1 ? "s" : ""}`);
  return output;
}

function indented(context, make) {
  context.indentation += 2;
  const made = make();
  context.indentation -= 2;
  return made;
}

function property(context, value, key, depth, isElement = false, hidden = false) {
  const descriptor = Object.getOwnPropertyDescriptor(value, key) ?? { value: value[key], enumerable: true };
  let shown;
  if (descriptor.value !== undefined || !("get" in descriptor)) shown = indented(context, () => show(context, descriptor.value, depth + 1));
  else if (descriptor.get) shown = descriptor.set ? "[Getter/Setter]" : "[Getter]";
  else shown = descriptor.set ? "[Setter]" : "undefined";
  if (isElement) return shown;
  if (typeof key === "symbol") return `[${Symbol.prototype.toString.call(key)}]: ${shown}`;
  if (hidden) return `[${key}]: ${shown}`;
  if (key === "__proto__") return `['__proto__']: ${shown}`;
  return `${NAME.test(key) ? key : quote(key)}: ${shown}`;
}

/// One line if it is short and not deep, several otherwise; many short elements in columns.
function layout(context, output, base, braces, isArray, depth, value) {
  const count = output.length;
  if (isArray && count > 6) output = columns(context, output, value);
  if (context.level - depth < context.compact && count === output.length) {
    const start = output.length + context.indentation + braces[0].length + base.length + 10;
    const total = output.reduce((sum, entry) => sum + entry.length, output.length + start);
    if (total <= context.breakLength && !base.includes("\n")) {
      const joined = output.join(", ");
      if (!joined.includes("\n")) return `${base ? `${base} ` : ""}${braces[0]} ${joined} ${braces[1]}`;
    }
  }
  const line = `\n${" ".repeat(context.indentation)}`;
  return `${base ? `${base} ` : ""}${braces[0]}${line}  ${output.join(`,${line}  `)}${line}${braces[1]}`;
}

function columns(context, output, value) {
  let total = 0;
  let longest = 0;
  const more = context.maxArrayLength < output.length ? 1 : 0;
  const count = output.length - more;
  const separator = 2;
  const lengths = [];
  for (let index = 0; index < count; index++) {
    lengths.push(output[index].length);
    total += output[index].length + separator;
    longest = Math.max(longest, output[index].length);
  }
  const widest = longest + separator;
  if (widest * 3 + context.indentation >= context.breakLength || !(total / widest > 5 || longest <= 6)) return output;
  const bias = Math.max(widest - 3 - Math.sqrt(widest - total / output.length), 1);
  const wide = Math.min(
    Math.round(Math.sqrt(2.5 * bias * count) / bias),
    Math.floor((context.breakLength - context.indentation) / widest),
    context.compact * 4,
    15,
  );
  if (wide <= 1) return output;
  const widths = [];
  for (let column = 0; column < wide; column++) {
    let width = 0;
    for (let index = column; index < count; index += wide) width = Math.max(width, lengths[index]);
    widths.push(width + separator);
  }
  let atRight = true;
  if (value !== undefined) {
    for (let index = 0; index < output.length; index++) {
      if (typeof value[index] !== "number" && typeof value[index] !== "bigint") atRight = false;
    }
  }
  const rows = [];
  for (let first = 0; first < count; first += wide) {
    const end = Math.min(first + wide, count);
    let row = "";
    for (let index = first; index < end - 1; index++) {
      const cell = `${output[index]}, `;
      row += atRight ? cell.padStart(widths[index - first]) : cell.padEnd(widths[index - first]);
    }
    row += atRight ? output[end - 1].padStart(widths[end - 1 - first] - separator) : output[end - 1];
    rows.push(row);
  }
  if (more) rows.push(output[count]);
  return rows;
}

/// The text that `console.log` writes of its arguments.
export function format(...values) {
  if (values.length === 1) return typeof values[0] === "string" ? values[0] : inspect(values[0]);
  let text = "";
  let next = 0;
  if (typeof values[0] === "string" && values.length > 1) {
    next = 1;
    text = values[0].replace(/%([%sdifjoOc])/g, (whole, kind) => {
      if (kind === "%") return "%";
      if (next >= values.length) return whole;
      const value = values[next++];
      switch (kind) {
        case "s":
          if (typeof value === "bigint") return `${value}n`;
          if (typeof value === "number") return number(value);
          if (typeof value === "object" && value !== null && !(Object.hasOwn(value, "toString") || (className(value) !== "Object" && className(value) !== "Array" && typeof value.toString === "function" && value.toString !== Object.prototype.toString && value.toString !== Error.prototype.toString)))
            return inspect(value, { depth: 0 });
          return String(value);
        case "d":
          return typeof value === "bigint" ? `${value}n` : typeof value === "symbol" ? "NaN" : typeof value === "object" ? number(Number(value)) : number(Number(value));
        case "i":
          return typeof value === "bigint" ? `${value}n` : typeof value === "symbol" ? "NaN" : number(parseInt(value));
        case "f":
          return typeof value === "symbol" ? "NaN" : number(parseFloat(value));
        case "j":
          try {
            return JSON.stringify(value);
          } catch {
            return "[Circular]";
          }
        case "o":
          return inspect(value, { depth: 4 });
        case "O":
          return inspect(value);
        default:
          return "";
      }
    });
  }
  const rest = values.slice(next).map((value) => (typeof value === "string" ? value : inspect(value)));
  return next ? [text, ...rest].join(" ") : rest.join(" ");
}
