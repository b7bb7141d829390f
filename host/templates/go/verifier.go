// Package plugin is the verifier `NAME`: the last line of the response is the reference, but for the case of ASCII's letters and a
// `\boxed{}` around it.
//
// In: a problem and a response. Out: a grade with the place of the answer. Only the text is compared: `0.5` is not `1/2`.
package plugin

import (
	"strings"

	. "go.bytecodealliance.org/pkg/wit/types"
	types "wit_component/ts_host_plugin_types"
	verifier "wit_component/ts_host_plugin_verifier"
)

// What is white space in every language of the templates.
const space = " \t\r\n"

// Describe says what the plugin is and which settings it takes.
func Describe() types.Description {
	return types.Description{Name: "NAME", Version: "0.1.0", Summary: "SUMMARY"}
}

// Configure is given the settings once, before the first call.
func Configure(settings []types.Setting) Result[Unit, string] {
	return Ok[Unit, string](Unit{})
}

// Grade grades one response. An error says that the verifier cannot; it is never a wrong answer.
func Grade(problem verifier.Problem, response string) Result[verifier.Graded, string] {
	reference := strings.Trim(problem.Reference, space)
	written := strings.TrimRight(response, space)
	line := strings.Trim(written[strings.LastIndexByte(written, '\n')+1:], space)
	answer, end := line, len(response)
	if boxed, ok := strings.CutPrefix(line, `\boxed{`); ok && strings.HasSuffix(boxed, "}") {
		answer, end = strings.Trim(boxed[:len(boxed)-1], space), strings.LastIndexByte(response, '}')
	}
	switch {
	case reference == "":
		return graded(verifier.MakeVerdictBadReference("the reference is empty"), None[types.Span]())
	case answer == "":
		return graded(verifier.MakeVerdictNoAnswer(), None[types.Span]())
	}
	start := strings.LastIndex(response[:end], answer)
	place := Some(types.Span{Start: uint32(start), End: uint32(start + len(answer))})
	if lower(answer) == lower(reference) {
		return graded(verifier.MakeVerdictCorrect(), place)
	}
	return graded(verifier.MakeVerdictIncorrect(), place)
}

// A grade without partial credit, note and tests.
func graded(verdict verifier.Verdict, answer Option[types.Span]) Result[verifier.Graded, string] {
	score := 0.0
	if verdict.Tag() == verifier.Verdict_Correct {
		score = 1
	}
	return Ok[verifier.Graded, string](verifier.Graded{Verdict: verdict, Score: score, Answer: answer})
}

// ASCII's letters in lower case, and every other byte as it is.
func lower(text string) string {
	bytes := []byte(text)
	for i, letter := range bytes {
		if 'A' <= letter && letter <= 'Z' {
			bytes[i] = letter + 'a' - 'A'
		}
	}
	return string(bytes)
}
