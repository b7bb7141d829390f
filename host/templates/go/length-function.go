// Package plugin is the length function `NAME`: the number of Unicode characters, plus one.
//
// In: a text and its number of tokens. Out: a length. A letter and its combining accent count as two characters. The one is for the
// end of the text: a length must be above 0.
package plugin

import (
	"unicode/utf8"

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

// Measure gives the length of a text.
func Measure(text string, tokens uint32) Result[float64, string] {
	return Ok[float64, string](float64(utf8.RuneCountInString(text) + 1))
}
