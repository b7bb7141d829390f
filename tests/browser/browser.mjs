// Chromium without a window, for a page of this machine: no other request leaves it.
//
// In: a page's path, a width in CSS pixels, a colour scheme. Out: the page in a tab, with everything that it complained of.

import { pathToFileURL } from "node:url";
import chromium from "@sparticuz/chromium";
import puppeteer from "puppeteer-core";

export const WIDTHS = [390, 1280];
export const SCHEMES = ["light", "dark"];
const HEIGHT = 900;

export async function launch() {
  const executablePath = await chromium.executablePath();
  return puppeteer.launch({ args: chromium.args, executablePath, headless: "shell" });
}

/** Opens a page; `complaints` fills with what its console and its requests say. */
export async function open(browser, path, { width, scheme, scale = 1 }) {
  const tab = await browser.newPage();
  const complaints = [];
  const address = pathToFileURL(path).href;
  tab.on("console", (message) => complaints.push(`console: ${message.text()}`));
  tab.on("pageerror", (error) => complaints.push(`error: ${error.message}`));
  tab.on("dialog", (dialog) => {
    complaints.push(`dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  tab.on("request", (request) => {
    if (request.url() !== address) complaints.push(`request: ${request.url()}`);
  });
  await tab.setViewport({ width, height: HEIGHT, deviceScaleFactor: scale });
  await tab.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
  const begun = performance.now();
  await tab.goto(address, { waitUntil: "load" });
  // Drawn, and not only read.
  await tab.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
  return { tab, complaints, milliseconds: performance.now() - begun };
}
