package page

import (
	"sandai/inventory"
	"sandai/web/progress"
)

// SummaryView is what an installed rack is: where its cloud answers, how it
// proved itself, and how long each phase took.
type SummaryView struct {
	Rack   string
	Report *inventory.Report // nil where the rack was never installed
	Phases [][]string        // the head, then a row a phase
}

// SummaryPage makes the view. It is pure.
func SummaryPage(rack string, r *inventory.Report) SummaryView {
	v := SummaryView{Rack: rack, Report: r}
	if r != nil {
		v.Phases = progress.PhaseTable(*r)
	}
	return v
}
