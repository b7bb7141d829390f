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

/// The same functions, whose errors say where they were thrown: of an error the host is told the message alone, a text it is told whole.
function withPlaces(functions) {
  const withPlace = (call) => (...args) => {
    try {
      return call.apply(functions, args);
    } catch (error) {
      throw error instanceof Error ? `${error} ${error.stack.trim().replace(/\s*\n\s*/g, ", ")}` : error;
    }
  };
  return Object.fromEntries(Object.entries(functions).map(([name, call]) => [name, withPlace(call)]));
}
