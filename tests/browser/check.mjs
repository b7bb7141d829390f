// Opens reports in a real browser and looks at them: nothing in the console, every plot there and told in words, keyboard order, contrast, no sideways
// scrolling, printing, nothing that runs or is loaded.
//
// In: the names of the plots that each page must have, separated by commas, then pages. Out: what is wrong, a line each, and a failing exit code.
//
//     node check.mjs budget,plane PAGE…

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { SCHEMES, WIDTHS, launch, open } from "./browser.mjs";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const MOST_MILLISECONDS = 2000;

const [plots, ...pages] = process.argv.slice(2);
const wrong = [];
const browser = await launch();
try {
  for (const page of pages) {
    for (const width of WIDTHS) {
      for (const scheme of SCHEMES) {
        const say = (what) => wrong.push(`${page}, ${width} wide, ${scheme}: ${what}`);
        const { tab, complaints, milliseconds } = await open(browser, page, { width, scheme });
        if (milliseconds > MOST_MILLISECONDS) say(`took ${milliseconds.toFixed(0)} ms to open`);
        for (const what of await tab.evaluate(looked, plots.split(","))) say(what);
        for (const what of await pressed(tab)) say(what);
        for (const what of await judged(tab)) say(what);
        for (const what of await printed(tab)) say(what);
        // Last: what is tried here is complained of, as it should be.
        const n = complaints.length;
        if (await tab.evaluate(tried)) say("a script of the page runs");
        for (const what of complaints.slice(0, n)) say(what);
        if (complaints.length === n) say("the policy did not forbid a script");
        console.log(`${page}, ${width} wide, ${scheme}: opened in ${milliseconds.toFixed(0)} ms`);
        await tab.close();
      }
    }
  }
} finally {
  await browser.close();
}
for (const what of wrong) console.error(what);
process.exitCode = wrong.length > 0 || pages.length === 0 ? 1 : 0;

// In the page: what is there, and where.
function looked(plots) {
  const wrong = [];
  const foreign = document.querySelectorAll("script, img, iframe, object, embed, link, form, base, [onerror], [onload], [onclick], [style]");
  for (const it of foreign) wrong.push(`has a ${it.tagName}`);
  if (document.documentElement.scrollWidth > window.innerWidth) wrong.push("scrolls sideways");
  for (const id of plots) {
    const title = document.getElementById(`${id}-title`);
    const svg = title?.closest("svg");
    if (!svg) {
      wrong.push(`has no plot ${id}`);
      continue;
    }
    const box = svg.getBoundingClientRect();
    const words = document.getElementById(svg.getAttribute("aria-describedby"))?.textContent ?? "";
    if (box.width < 250 || box.height < 150) wrong.push(`plot ${id} is ${box.width} by ${box.height}`);
    if (svg.getAttribute("role") !== "img" || !title.textContent.trim()) wrong.push(`plot ${id} has no title`);
    if (!/\d/.test(words)) wrong.push(`plot ${id} tells no number in words: ${words}`);
    const drawn = [...svg.querySelectorAll("g[clip-path] polyline, g[clip-path] circle, g[clip-path] path")];
    if (!drawn.some((it) => it.getBBox().width > 0)) wrong.push(`plot ${id} is empty`);
    const numbers = [...svg.querySelectorAll("*")].flatMap((it) => ["d", "points", "x", "y", "cx", "cy"].map((name) => it.getAttribute(name) ?? ""));
    if (numbers.some((it) => /nan|inf/i.test(it))) wrong.push(`plot ${id} draws what is no number`);
  }
  const ids = [...document.querySelectorAll("[id]")].map((it) => it.id);
  if (new Set(ids).size !== ids.length) wrong.push("names two parts alike");
  for (const link of document.querySelectorAll("a")) {
    if (!document.getElementById(link.hash.slice(1))) wrong.push(`links to ${link.hash}, which is not there`);
  }
  return wrong;
}

// Tab goes through everything in the order of the page, and each has a mark that is seen; Enter opens and closes.
async function pressed(tab) {
  const wrong = [];
  const n = await tab.evaluate(() => {
    const all = [...document.querySelectorAll("a[href], summary, [tabindex='0']")].filter((it) => it.checkVisibility());
    all.forEach((it, index) => (it.dataset.order = index));
    return all.length;
  });
  for (let index = 0; index < n; index++) {
    await tab.keyboard.press("Tab");
    const at = await tab.evaluate(() => {
      const it = document.activeElement;
      return [it.dataset?.order, it.tagName, getComputedStyle(it).outlineStyle];
    });
    if (at[0] !== String(index)) {
      wrong.push(`Tab ${index + 1} comes to ${at[1]} ${at[0]}`);
      break;
    }
    if (at[2] === "none") wrong.push(`${at[1]} ${at[0]} shows no focus`);
  }
  const before = await tab.evaluate(() => {
    document.querySelector("summary")?.focus();
    return document.querySelector("details")?.open;
  });
  if (before !== undefined) {
    await tab.keyboard.press("Enter");
    const after = await tab.evaluate(() => document.querySelector("details").open);
    if (after === before) wrong.push("Enter does not open or close");
  }
  return wrong;
}

// What axe finds, of all its rules, with everything opened.
async function judged(tab) {
  await tab.evaluate(() => document.querySelectorAll("details").forEach((it) => (it.open = true)));
  await tab.evaluate(AXE);
  const { violations } = await tab.evaluate(() => axe.run(document));
  return violations.map((it) => `axe: ${it.id}: ${it.help}: ${it.nodes.slice(0, 3).map((node) => node.html.slice(0, 200)).join(" | ")}`);
}

// On paper everything is seen, closed or not, in black on white.
async function printed(tab) {
  const wrong = [];
  await tab.evaluate(() => document.querySelectorAll("details").forEach((it) => (it.open = false)));
  await tab.emulateMediaType("print");
  const heights = await tab.evaluate(() => [...document.querySelectorAll("details .pair")].map((it) => it.getBoundingClientRect().height));
  if (heights.some((height) => height < 10)) wrong.push("does not print what is closed");
  const paper = await tab.pdf({ printBackground: true });
  if (paper.length < 10_000) wrong.push(`prints ${paper.length} bytes`);
  await tab.emulateMediaType(null);
  return wrong;
}

// In the page: a script that somebody brought in.
function tried() {
  const script = document.createElement("script");
  script.textContent = "window.brought = true";
  document.body.append(script);
  script.remove();
  return Boolean(window.brought);
}
