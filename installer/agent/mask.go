package agent

import (
	"slices"
	"strings"
)

// keep is how much of each output stream goes into a report; the end is kept.
const keep = 16 << 10

// masker replaces secrets before anything leaves the node or is logged.
type masker struct{ r *strings.Replacer }

// newMasker prepares the replacement. Longer secrets come first, because one
// may hold another.
func newMasker(secrets []string) masker {
	s := slices.DeleteFunc(slices.Clone(secrets), func(v string) bool { return v == "" })
	slices.SortFunc(s, func(a, b string) int { return len(b) - len(a) })
	var pairs []string
	for _, v := range s {
		pairs = append(pairs, v, "***")
	}
	return masker{strings.NewReplacer(pairs...)}
}

func (m masker) text(s string) string { return m.r.Replace(s) }

// output masks first and cuts then: a cut through a secret would leave its end.
func (m masker) output(s string) string {
	s = m.text(s)
	if len(s) > keep {
		s = s[len(s)-keep:]
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// head masks and keeps the beginning.
func (m masker) head(s string) string {
	s = m.text(s)
	if len(s) > keep {
		s = s[:keep] + "\n(the rest is cut off)\n"
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}
