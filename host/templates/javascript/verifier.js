// Verifier `NAME`: the last line of the response is the reference, but for the case of ASCII's letters and a `\boxed{}` around it.
//
// In: a problem and a response. Out: a grade with the place of the answer. Only the text is compared: `0.5` is not
// `1/2`.
// This file is run once, when the component is built; what it leaves in memory is the component.

// What is white space in every language of the templates.
const isSpace = (character) => " \t\r\n".includes(character);

/// A text without white space at its ends. (A pattern that ends in `$` takes as long as the square of a run of spaces.)
function strip(text) {
  let [start, end] = [0, text.length];
  while (start < end && isSpace(text[end - 1])) end--;
  while (start < end && isSpace(text[start])) start++;
  return text.slice(start, end);
}

const lower = (text) => text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());

export const plugin = {
  describe: () => ({ name: "NAME", version: "0.1.0", summary: "SUMMARY", settings: [] }),
  configure() {},
};

export const verifier = withPlaces({
  grade(problem, response) {
    const reference = strip(problem.reference);
    const line = strip(strip(response).split("\n").pop());
    const boxed = line.startsWith("\\boxed{") && line.endsWith("}");
    const answer = boxed ? strip(line.slice("\\boxed{".length, -1)) : line;
    if (!reference) return graded({ tag: "bad-reference", val: "the reference is empty" });
    if (!answer) return graded({ tag: "no-answer" });
    const same = lower(answer) === lower(reference);
    return graded({ tag: same ? "correct" : "incorrect" }, place(response, answer, boxed ? response.lastIndexOf("}") : response.length));
  },
});

/// A grade without partial credit, note and tests.
function graded(verdict, answer) {
  return { verdict, score: verdict.tag === "correct" ? 1 : 0, answer, note: "", tests: [] };
}

/// Where the answer last stands before the end, in bytes of UTF-8, which is how the host counts.
function place(response, answer, end) {
  const start = bytes(response.slice(0, response.lastIndexOf(answer, end - answer.length)));
  return { start, end: start + bytes(answer) };
}

function bytes(text) {
  return unescape(encodeURIComponent(text)).length;
}
