// Length function `NAME`: the number of Unicode characters, plus one.
//
// In: a text and its number of tokens. Out: a length. A letter and its combining accent count as two characters. The
// one is for the end of the text: a length must be above 0.
// This file is run once, when the component is built; what it leaves in memory is the component.

export const plugin = {
  describe: () => ({ name: "NAME", version: "0.1.0", summary: "SUMMARY", settings: [] }),
  configure() {},
};

export const lengthFunction = withPlaces({
  measure(text, _tokens) {
    let characters = 0;
    for (const _ of text) characters++; // `text.length` counts some characters twice
    return characters + 1;
  },
});
