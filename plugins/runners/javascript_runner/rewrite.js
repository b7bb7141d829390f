// Rewrites `async`, `await` and `import` as functions, generators and `require`, for promise.js to run.
//
//     async function f(a) { return (await g(a)) + 1 }
//     function f(a) { return $async.run(function* () { return ((yield (g(a)))) + 1 }.apply(this, arguments)) }
//
// In: a program's text. Out: text without those words, line for line as long as the first. Left out on purpose:
// `yield*` within an async generator; a program that needs it is told so.

import { parse } from "acorn";

/// Nothing is parsed without one of these words.
const WORDS = /\b(?:async|await|import|export)\b/;

export class Unsupported extends Error {}

export function rewrite(source) {
  if (!WORDS.test(source)) return source;
  const edits = [];
  const replace = (start, end, text) => edits.push({ start, end, text, order: edits.length });
  const insert = (at, text) => replace(at, at, text);
  const tree = read(source);
  const word = (name, node) => {
    const at = source.indexOf(name, node.start);
    return [at, at + name.length];
  };

  function visit(node, context) {
    if (Array.isArray(node)) return node.forEach((child) => visit(child, context));
    if (!node || typeof node.type !== "string") return;
    switch (node.type) {
      case "FunctionDeclaration":
      case "FunctionExpression":
      case "ArrowFunctionExpression":
        return visitFunction(node, context);
      case "Property":
      case "MethodDefinition":
        visit(node.key, context);
        if (node.value?.async && (node.method || node.type === "MethodDefinition")) {
          replace(...word("async", node), "");
          if (node.value.generator) replace(...word("*", node), "");
        }
        return visit(node.value, { ...context, method: node.method || node.type === "MethodDefinition" || node.kind !== "init" });
      case "AwaitExpression":
        replace(node.start, node.start + 5, context.generator ? "(yield $async.awaited(" : "(yield (");
        visit(node.argument, context);
        return insert(node.end, "))");
      case "YieldExpression":
        if (context.generator && node.delegate) throw new Unsupported("`yield*` in an async generator is not supported here");
        break;
      case "Super":
        if (context.async && !context.hasSuper) throw new Unsupported("`super` is not supported at this place of an async method");
        if (context.async) replace(node.start, node.end, "$super");
        return;
      case "ForOfStatement":
        if (node.await) return visitForAwait(node, context);
        break;
      case "ImportDeclaration":
        return replace(node.start, node.end, required(node));
      case "ImportExpression":
        replace(node.start, node.start + 6, "$async.load(require, ");
        replace(source.indexOf("(", node.start), source.indexOf("(", node.start) + 1, "");
        return visit(node.source, context);
      case "ExportNamedDeclaration":
        if (node.declaration) {
          replace(node.start, node.declaration.start, "");
          return visit(node.declaration, context);
        }
        return replace(node.start, node.end, "");
      case "ExportDefaultDeclaration":
        replace(node.start, node.declaration.start, "module.exports.default = ");
        return visit(node.declaration, context);
    }
    for (const key of Object.keys(node)) if (key !== "type") visit(node[key], context);
  }

  function visitFunction(node, context) {
    const arrow = node.type === "ArrowFunctionExpression";
    const hasSuper = node.async ? !node.expression && usesSuper(node.body) : arrow && context.hasSuper;
    const inner = { async: node.async || (arrow && context.async), generator: node.async && node.generator, hasSuper };
    visit(node.id, context);
    visit(node.params, { ...context, generator: false });
    if (node.async && !context.method) {
      replace(...word("async", node), "");
      if (node.generator) replace(...word("*", node), "");
    }
    if (node.async) {
      // An arrow function has the `arguments` of what is around it, and a field of a class has none.
      const whole = source.slice(node.start, node.end);
      const end = arrow && !whole.includes("arguments") ? "}.call(this))" : "}.apply(this, arguments))";
      const start = `$async.${node.generator ? "generate" : "run"}(function* () {`;
      if (node.expression) {
        insert(node.body.start, `${start} return (`);
        // Parentheses around the body are not part of it.
        visit(node.body, inner);
        return insert(node.body.end, `) ${end}`);
      }
      insert(node.body.start + 1, `${hasSuper ? SUPER : ""} return ${start}`);
      visit(node.body, inner);
      return insert(node.body.end - 1, `${end} `);
    }
    visit(node.body, inner);
  }

  function visitForAwait(node, context) {
    const [start, end] = word("await", node);
    replace(start, end, "");
    const step = `$step${node.start}`;
    const left = source.slice(node.left.start, node.left.end);
    visit(node.left, context);
    const named = node.left.type === "VariableDeclaration";
    replace(node.left.start, node.left.end, `const ${step}_`);
    insert(node.right.start, "$async.steps(");
    visit(node.right, context);
    insert(node.right.end, ")");
    const wait = context.generator ? `(yield $async.awaited(${step}_))` : `(yield ${step}_)`;
    const take = named ? `${left} = ${step}.value;` : `(${left} = ${step}.value);`;
    insert(node.body.start, `{ const ${step} = ${wait}; if (${step}.done) break; ${take} `);
    visit(node.body, context);
    insert(node.body.end, " }");
  }

  visit(tree.body, { async: false, generator: false });
  edits.sort((a, b) => a.start - b.start || a.order - b.order);
  let text = "";
  let at = 0;
  for (const edit of edits) {
    if (edit.start < at) continue; // within what was replaced as a whole
    text += source.slice(at, edit.start) + edit.text;
    at = edit.end;
  }
  text += source.slice(at);
  // A module's own `await` is that of one async function around it.
  return tree.sourceType === "module" ? `return $async.run(function* () { 'use strict'; ${text}\n}.apply(this, arguments))` : text;
}

/// A generator has no `super`; this is that of the method around it.
const SUPER =
  ' const $super = new Proxy({}, { get: (_, key) => { const value = super[key]; return typeof value === "function" ? value.bind(this) : value } });';

/// Whether `super` stands here, not in a function or a class within.
function usesSuper(node) {
  if (Array.isArray(node)) return node.some(usesSuper);
  if (!node || typeof node.type !== "string") return false;
  if (node.type === "Super") return true;
  if (/^(?:Function|Class|MethodDefinition)/.test(node.type) || node.method) return false;
  return Object.values(node).some((child) => typeof child === "object" && usesSuper(child));
}

/// Reads the text as node does: as a script, and where it is none, as a module.
function read(source) {
  const options = { ecmaVersion: "latest", allowHashBang: true };
  try {
    return parse(source, { ...options, sourceType: "script", allowReturnOutsideFunction: true });
  } catch (error) {
    try {
      return parse(source, { ...options, sourceType: "module", allowAwaitOutsideFunction: true });
    } catch {
      throw error;
    }
  }
}

/// The `require` of an `import`.
function required(node) {
  const module = `require(${JSON.stringify(node.source.value)})`;
  const parts = node.specifiers.map((part) => {
    if (part.type === "ImportNamespaceSpecifier") return `${part.local.name} = ${module}`;
    if (part.type === "ImportDefaultSpecifier") return `${part.local.name} = ((module) => module.default ?? module)(${module})`;
    const imported = part.imported.name ?? part.imported.value;
    return `{ ${JSON.stringify(imported)}: ${part.local.name} } = ${module}`;
  });
  return parts.length ? `const ${parts.join(", ")};` : `${module};`;
}
