// Verifier `NAME`: the last line of the response is the reference, but for case.
//
// In: a problem and a response. Out: a grade with the place of the answer. Left out on purpose: any meaning; `0.5` is not `1/2`.
// This file is run once, when the component is built; what it leaves in memory is the component.

// What is white space in every language of the templates.
const strip = (text) => text.replace(/^[ \t\r\n]+|[ \t\r\n]+$/g, "");

export const plugin = {
  describe: () => ({ name: "NAME", version: "0.1.0", summary: "The last line of the response must be the reference, but for case.", settings: [] }),
  configure() {},
};

export const verifier = {
  grade(problem, response) {
    const reference = strip(problem.reference);
    const answer = strip(strip(response).split("\n").pop());
    if (!reference) return graded({ tag: "bad-reference", val: "the reference is empty" });
    if (!answer) return graded({ tag: "no-answer" });
    const same = answer.toLowerCase() === reference.toLowerCase();
    return graded({ tag: same ? "correct" : "incorrect" }, place(response, answer));
  },
};

/// A grade without partial credit, note and tests.
function graded(verdict, answer) {
  return { verdict, score: verdict.tag === "correct" ? 1 : 0, answer, note: "", tests: [] };
}

/// Where the answer last stands, in bytes of UTF-8, which is how the host counts.
function place(response, answer) {
  const start = bytes(response.slice(0, response.lastIndexOf(answer)));
  return { start, end: start + bytes(answer) };
}

function bytes(text) {
  return unescape(encodeURIComponent(text)).length;
}
