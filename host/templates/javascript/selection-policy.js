// Selection policy `NAME`: imitate the shortest correct response, and prefer it to each wrong one.
//
// In: a graded group. Out: indices. How hard the problem is does not count. Of equally short responses the first drawn
// is taken; a response without an answer is a wrong one, and one that was not graded is neither.
// This file is run once, when the component is built; what it leaves in memory is the component.

export const plugin = {
  describe: () => ({ name: "NAME", version: "0.1.0", summary: "SUMMARY", settings: [] }),
  configure() {},
};

export const selectionPolicy = withPlaces({
  select({ responses }) {
    const indices = (...outcomes) => [...responses.keys()].filter((index) => outcomes.includes(responses[index].outcome));
    const correct = indices("correct");
    if (!correct.length) return { positives: [], pairs: [], sequences: [] };
    const chosen = correct.reduce((best, index) => (responses[index].length < responses[best].length ? index : best));
    return {
      positives: [{ response: chosen, weight: 1 }],
      pairs: indices("incorrect", "no-answer").map((rejected) => ({ chosen, rejected, weight: 1 })),
      sequences: [],
    };
  },
});
