package page

import (
	"slices"
	"time"

	"sandai/inventory"
)

// RunsData is what the list of a rack's runs is drawn from.
type RunsData struct {
	Rack   string
	Runs   []inventory.Run
	Counts map[uint]inventory.StepCount // by run
	Now    time.Time
}

// RunsView is the list of a rack's runs, the newest first.
type RunsView struct {
	Rack   string
	Runs   []RunRow
	Hidden int // older ones
}

// RunRow is a run in the list.
type RunRow struct {
	inventory.Run
	Lamp    Lamp
	Word    Text // what it is for
	Count   inventory.StepCount
	Seconds float64
	Hash    string // of the plan, its begin
}

// mostRuns is how many runs the list shows.
const mostRuns = 100

// RunsPage makes the view. It is pure.
func RunsPage(d RunsData) RunsView {
	v := RunsView{Rack: d.Rack}
	runs := slices.Clone(d.Runs)
	slices.SortFunc(runs, func(a, b inventory.Run) int { return int(b.ID) - int(a.ID) })
	if len(runs) > mostRuns {
		v.Hidden = len(runs) - mostRuns
		runs = runs[:mostRuns]
	}
	for _, r := range runs {
		v.Runs = append(v.Runs, runRow(r, d.Counts[r.ID], d.Now))
	}
	return v
}

func runRow(r inventory.Run, count inventory.StepCount, now time.Time) RunRow {
	row := RunRow{Run: r, Lamp: stateLamp(r), Word: runKinds[r.Kind], Count: count, Hash: r.PlanHash}
	if len(row.Hash) > 8 {
		row.Hash = row.Hash[:8]
	}
	end := now
	if r.Ended != nil {
		end = *r.Ended
	}
	row.Seconds = max(0, end.Sub(r.Created).Seconds())
	return row
}

// stateLamp is a run's state, whatever its kind.
func stateLamp(r inventory.Run) Lamp {
	switch r.State {
	case inventory.RunDone:
		return Lamp{"●", Text{"done", "完了"}, "good"}
	case inventory.RunFailed:
		return Lamp{"✕", Text{"failed", "失敗"}, "bad"}
	case inventory.RunActive:
		if r.Stopping() {
			return Lamp{"◔", Text{"stopping", "停止待ち"}, "busy"}
		}
		return Lamp{"◔", Text{"running", "実行中"}, "busy"}
	}
	return Lamp{"⏸", Text{"stopped", "停止"}, "quiet"}
}
