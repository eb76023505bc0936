// SPDX-License-Identifier: Apache-2.0

package fault

// spelling is how messages write the name of an option.
var spelling = func(name string) string { return name }

// Option returns what a message calls an option: the name of the field, "certfile", or what SpellOptions has
// made of it.
func Option(name string) string { return spelling(name) }

// SpellOptions has messages write the names of options in another way: as the language does for which the core is
// bound. It is for an init function: it counts for the process, and nothing guards it.
func SpellOptions(write func(name string) string) { spelling = write }
