package page

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"sandai/inventory"
)

// JourneyView is the way of the proof's server, a row a step.
type JourneyView struct {
	inventory.Journey
	Seen, Of int // the book's steps
	Lanes    []Lane
	Rows     []JourneyRow
	After    []StateMark // states that came after the last row
	Seconds  float64     // from the first to the last that was seen
}

// Lane is a component; X is where its line is, in hundredths of the drawing's width.
type Lane struct {
	Name string
	X    float64
}

// JourneyRow is one step. From is the lane's place of the row above, which the
// line comes from.
type JourneyRow struct {
	inventory.JourneyStep
	Key      string // "12", or "+1" for what has joined since the book
	Lane     int
	X, From  float64
	First    bool
	Last     bool
	Broken   bool   // this step or the one before was not observed: the line is dashed
	Short    string // of Source: without the log's directory
	Clock    string
	After    string // since the first that was seen
	Backward bool   // seen before the row above: logs differ from the book's order
	States   []StateMark
}

// StateMark is a state of the server with its time.
type StateMark struct {
	inventory.JourneyState
	Clock string
}

// laneOrder is how components stand side by side, as a request passes them;
// others come after.
var laneOrder = []string{"client", "horizon", "keystone", "nova-api", "database", "conductor", "placement", "scheduler", "compute", "glance", "neutron", "cinder", "hypervisor", "libvirt"}

func laneRank(who string) int {
	who = strings.ToLower(who)
	for i, l := range laneOrder {
		if strings.Contains(who, l) {
			return i
		}
	}
	return len(laneOrder)
}

func journeyView(j inventory.Journey) *JourneyView {
	v := &JourneyView{Journey: j}
	var names []string
	for _, s := range j.Steps {
		if !slices.Contains(names, s.Who) {
			names = append(names, s.Who)
		}
	}
	slices.SortStableFunc(names, func(a, b string) int { return laneRank(a) - laneRank(b) })
	for i, n := range names {
		v.Lanes = append(v.Lanes, Lane{n, (float64(i) + 0.5) * 100 / float64(len(names))})
	}
	first, last := bounds(j.Steps)
	if first != nil {
		v.Seconds = last.Sub(*first).Seconds()
	}
	states := slices.Clone(j.States)
	slices.SortStableFunc(states, func(a, b inventory.JourneyState) int { return a.At.Compare(b.At) })
	joined := 0
	var before *inventory.JourneyStep
	var latest time.Time
	for i, s := range j.Steps {
		r := JourneyRow{JourneyStep: s, Lane: slices.Index(names, s.Who), First: i == 0, Last: i == len(j.Steps)-1, Key: fmt.Sprint(s.Number)}
		if node, path, ok := strings.Cut(s.Source, ":"); ok {
			r.Short = node + ": " + path[strings.LastIndex(path, "/")+1:]
		} else {
			r.Short = s.Source
		}
		r.X = v.Lanes[r.Lane].X
		r.From = r.X
		if before != nil {
			r.From = v.Rows[i-1].X
		}
		r.Broken = s.Seen == nil || before != nil && before.Seen == nil
		if s.Number == 0 {
			joined++
			r.Key = fmt.Sprintf("+%d", joined)
		} else {
			v.Of++
			if s.Seen != nil {
				v.Seen++
			}
		}
		if s.Seen != nil {
			r.Clock, r.After = clockOf(*s.Seen, s.Second), afterOf(s.Seen.Sub(*first), s.Second)
			r.Backward = s.Seen.Before(latest)
			if s.Seen.After(latest) {
				latest = *s.Seen
			}
			for len(states) > 0 && !states[0].At.After(*s.Seen) {
				r.States = append(r.States, mark(states[0]))
				states = states[1:]
			}
		}
		v.Rows = append(v.Rows, r)
		before = &j.Steps[i]
	}
	for _, s := range states {
		v.After = append(v.After, mark(s))
	}
	return v
}

func bounds(steps []inventory.JourneyStep) (first, last *time.Time) {
	for i := range steps {
		s := steps[i].Seen
		if s == nil {
			continue
		}
		if first == nil || s.Before(*first) {
			first = s
		}
		if last == nil || s.After(*last) {
			last = s
		}
	}
	return first, last
}

func mark(s inventory.JourneyState) StateMark { return StateMark{s, clockOf(s.At, false)} }

// clockOf prints a time as exactly as its source gives it.
func clockOf(t time.Time, second bool) string {
	if second {
		return t.UTC().Format("15:04:05")
	}
	return t.UTC().Format("15:04:05.000")
}

func afterOf(d time.Duration, second bool) string {
	if second {
		return fmt.Sprintf("+%.0f s", d.Seconds())
	}
	return fmt.Sprintf("+%.3f s", d.Seconds())
}
