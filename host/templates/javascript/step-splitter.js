// Step splitter `NAME`: a step ends with a blank line, which belongs to the step that it ends.
//
// In: a text. Out: places that tile it. Headings, lists and other structure are ignored. Where a step starts depends on
// the text up to its first character alone, so a text that grows keeps its steps.
// This file is run once, when the component is built; what it leaves in memory is the component.

export const plugin = {
  describe: () => ({ name: "NAME", version: "0.1.0", summary: "SUMMARY", settings: [] }),
  configure() {},
};

export const stepSplitter = withPlaces({
  split(text) {
    const steps = [];
    let [start, at, lineBreaks, hasText] = [0, 0, 0, false];
    for (const character of text) {
      if (character === "\n") lineBreaks++;
      else if (!" \t\r".includes(character)) {
        if (hasText && lineBreaks > 1) {
          steps.push({ start, end: at });
          start = at;
        }
        [lineBreaks, hasText] = [0, true];
      }
      at += bytes(character);
    }
    if (at > 0) steps.push({ start, end: at });
    return steps;
  },
});

/// How many bytes of UTF-8 a character has, which is how the host counts.
function bytes(character) {
  const code = character.codePointAt(0);
  return code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
}
