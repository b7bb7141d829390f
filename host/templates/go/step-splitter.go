// Package plugin is the step splitter `NAME`: a step ends with a blank line, which belongs to the step that it ends.
//
// In: a text. Out: places that tile it. Headings, lists and other structure are ignored. Where a step starts depends on the text up to
// its first character alone, so a text that grows keeps its steps.
package plugin

import (
	. "go.bytecodealliance.org/pkg/wit/types"
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

// Split says where the steps are, in bytes.
func Split(text string) Result[[]types.Span, string] {
	steps := []types.Span{}
	start, breaks, begun := 0, 0, false
	for at := 0; at < len(text); at++ {
		switch text[at] {
		case '\n':
			breaks++
		case ' ', '\t', '\r':
		default:
			if begun && breaks >= 2 {
				steps = append(steps, types.Span{Start: uint32(start), End: uint32(at)})
				start = at
			}
			breaks, begun = 0, true
		}
	}
	if text != "" {
		steps = append(steps, types.Span{Start: uint32(start), End: uint32(len(text))})
	}
	return Ok[[]types.Span, string](steps)
}
