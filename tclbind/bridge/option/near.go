// SPDX-License-Identifier: Apache-2.0

package option

import (
	"slices"
	"strings"
)

// mostNear is how many names a message offers in place of one that does not exist.
const mostNear = 3

// Near returns those of the names that somebody may have meant who wrote word: those that differ in a
// third of their letters at most, and those that begin as it does or contain it. The nearest comes first,
// and there are three at most.
func Near(word string, names []string) []string {
	word = strings.ToLower(word)
	type guess struct {
		name string
		away int
	}
	var guesses []guess
	for _, name := range names {
		away := distance(word, strings.ToLower(name))
		if away <= max(1, max(len(word), len(name))/3) || len(word) > 2 && strings.Contains(strings.ToLower(name), word) {
			guesses = append(guesses, guess{name, away})
		}
	}
	slices.SortStableFunc(guesses, func(a, b guess) int { return a.away - b.away })
	var out []string
	for _, g := range guesses[:min(len(guesses), mostNear)] {
		out = append(out, g.name)
	}
	return out
}

// distance is that of Damerau and Levenshtein: how many letters are put in, taken out or exchanged, and how many
// pairs of neighbours have changed their places.
func distance(a, b string) int {
	before, row := make([]int, len(b)+1), make([]int, len(b)+1) // of a less two letters, and less one
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		next := make([]int, len(b)+1)
		next[0] = i + 1
		for j := range len(b) {
			next[j+1] = row[j]
			if a[i] != b[j] {
				next[j+1] = 1 + min(row[j], next[j], row[j+1])
				if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
					next[j+1] = min(next[j+1], 1+before[j-1])
				}
			}
		}
		before, row = row, next
	}
	return row[len(b)]
}
