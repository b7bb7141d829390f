// Takes a picture of a page.
//
//     node screenshot.mjs PAGE OUT.png [WIDTH [light|dark [HEIGHT]]]
//
// Without a height it is the whole page.

import { launch, open } from "./browser.mjs";

const [page, path, width = "1280", scheme = "light", height] = process.argv.slice(2);
const browser = await launch();
try {
  const { tab } = await open(browser, page, { width: Number(width), scheme });
  const clip = height && { x: 0, y: 0, width: Number(width), height: Number(height) };
  await tab.screenshot(clip ? { path, clip } : { path, fullPage: true });
} finally {
  await browser.close();
}
