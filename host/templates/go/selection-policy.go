// Package plugin is the selection policy `NAME`: imitate the shortest correct response, and prefer it to each wrong one.
//
// In: a graded group. Out: indices. How hard the problem is does not count. Of equally short responses the first drawn is taken; a
// response without an answer is a wrong one, and one that was not graded is neither.
package plugin

import (
	. "go.bytecodealliance.org/pkg/wit/types"
	policy "wit_component/ts_host_plugin_selection_policy"
	types "wit_component/ts_host_plugin_types"
)

// Describe says what the plugin is and which settings it takes.
func Describe() types.Description {
	return types.Description{Name: "NAME", Version: "0.1.0", Summary: "SUMMARY"}
}

// Configure is given the settings once, before the first call.
func Configure(settings []types.Setting) Result[Unit, string] {
	return Ok[Unit, string](Unit{})
}

// Select chooses what to imitate and what to prefer.
func Select(group policy.Group) Result[policy.Selection, string] {
	chosen, selection := -1, policy.Selection{}
	for index, one := range group.Responses {
		if one.Outcome == policy.Outcome_Correct && (chosen < 0 || one.Length < group.Responses[chosen].Length) {
			chosen = index
		}
	}
	if chosen < 0 {
		return Ok[policy.Selection, string](selection)
	}
	selection.Positives = []policy.Positive{{Response: uint32(chosen), Weight: 1, KeepSteps: None[uint32]()}}
	for index, one := range group.Responses {
		if one.Outcome == policy.Outcome_Incorrect || one.Outcome == policy.Outcome_NoAnswer {
			selection.Pairs = append(selection.Pairs, policy.Pair{Chosen: uint32(chosen), Rejected: uint32(index), Weight: 1})
		}
	}
	return Ok[policy.Selection, string](selection)
}
