package progress

import (
	"slices"
	"time"

	"sandai/inventory"
)

// Slot is when a step was, is or will be in hand.
type Slot struct {
	Step inventory.Step
	// From and To bound what happened so far; both are zero where nothing did.
	From, To time.Time
	// Until is when the step is expected to end: of one in hand, and of one to
	// come, which then is expected to begin at At. Zero without an estimate.
	At, Until time.Time
	// Holder is the key of the need that ended last, and so let the step begin;
	// "" where it needs nothing.
	Holder string
}

// Began reports whether the step was ever in hand.
func (s *Slot) Began() bool { return !s.From.IsZero() }

// End is when the step ended or will, as far as it can be said.
func (s *Slot) End() time.Time {
	if s.Until.After(s.To) {
		return s.Until
	}
	return s.To
}

// Start is when the step began or will, as far as it can be said.
func (s *Slot) Start() time.Time {
	if s.Began() {
		return s.From
	}
	return s.At
}

// Known reports whether anything can be said of when the step is in hand.
func (s *Slot) Known() bool { return s.Began() || !s.At.IsZero() }

// Schedule says for each step, in the order given, when it was in hand and, by
// the times of an earlier run (Expected), when it will be: a step begins when the
// last of its needs has ended, and steps that do not need each other run side by
// side. Without expected nothing is said of the future. It is pure.
func Schedule(steps []inventory.Step, expected map[string]float64, now time.Time) []Slot {
	p := planner{expected: expected, now: now, slots: make([]Slot, len(steps)), index: make(map[string]int, len(steps)), state: make([]int8, len(steps))}
	for i, s := range steps {
		p.index[s.Key] = i
		p.slots[i].Step = s
	}
	for i := range steps {
		p.plan(i)
	}
	for i := range p.slots {
		p.slots[i].Holder = p.holder(i)
	}
	return p.slots
}

type planner struct {
	expected map[string]float64
	now      time.Time
	slots    []Slot
	index    map[string]int
	state    []int8 // 0 not looked at, 1 being worked out, 2 known
}

// plan works out a step's slot and returns when what needs it may begin, the
// zero time where that cannot be said.
func (p *planner) plan(i int) time.Time {
	s := &p.slots[i]
	if p.state[i] != 0 { // 1 would be a circle, which a plan never has
		return s.End()
	}
	p.state[i] = 1
	s.From, s.To = happened(s.Step, p.now)
	begin := p.now
	for _, k := range s.Step.Needs {
		if j, ok := p.index[k]; ok {
			if end := p.plan(j); end.After(begin) {
				begin = end
			}
		}
	}
	if p.expected != nil && !Settled(s.Step.State) {
		length := seconds(p.expected[s.Step.Key])
		switch s.Step.State {
		case inventory.StepRunning:
			s.Until = later(p.now, s.From.Add(length))
		case inventory.StepReady:
			s.Until = p.now.Add(length)
		case inventory.StepFailed: // it is tried again before the run can end
			s.Until = p.now.Add(length)
		default:
			s.At, s.Until = begin, begin.Add(length)
		}
	}
	p.state[i] = 2
	return s.End()
}

// Settled reports whether nothing more is to come of a step.
func Settled(st inventory.StepState) bool {
	return st == inventory.StepDone || st == inventory.StepSkipped
}

// happened is when a step was in hand, until now where it still is.
func happened(s inventory.Step, now time.Time) (from, to time.Time) {
	if s.State == inventory.StepPending {
		return
	}
	switch {
	case s.StartedAt != nil:
		from = *s.StartedAt
	case s.ReadyAt != nil:
		from = *s.ReadyAt
	case s.EndedAt != nil: // skipped before its turn
		from = *s.EndedAt
	default:
		return
	}
	to = now
	if s.EndedAt != nil {
		to = *s.EndedAt
	}
	return from, later(from, to)
}

func (p *planner) holder(i int) string {
	key, last := "", time.Time{}
	for _, k := range p.slots[i].Step.Needs {
		if j, ok := p.index[k]; ok {
			if s := &p.slots[j]; s.Known() && (key == "" || s.End().After(last)) {
				key, last = k, s.End()
			}
		}
	}
	return key
}

// CriticalPath returns the keys of the chain of needs that decided when the run
// ended or will end, first to last: it ends with the step that ends last, and
// before each of its steps comes that one of its needs which ended last, so that
// between two of them there is nothing but the time until the next was taken up.
// What failed, and will not be tried again by itself, ended the run: the path
// then ends there. It is pure; empty where nothing was begun.
func CriticalPath(slots []Slot) []string {
	index := make(map[string]int, len(slots))
	at := -1
	for i := range slots {
		s := &slots[i]
		index[s.Step.Key] = i
		if s.Known() && (at < 0 || s.decides(&slots[at])) {
			at = i
		}
	}
	var path []string
	for seen := map[int]bool{}; at >= 0 && !seen[at]; {
		seen[at] = true
		path = append(path, slots[at].Step.Key)
		next, ok := index[slots[at].Holder]
		if !ok {
			break
		}
		at = next
	}
	slices.Reverse(path)
	return path
}

// decides reports whether a slot is rather the last of a run than another.
func (s *Slot) decides(o *Slot) bool {
	if a, b := s.fatal(), o.fatal(); a != b {
		return a
	}
	if c := s.End().Compare(o.End()); c != 0 {
		return c > 0
	}
	return s.Start().Before(o.Start())
}

func (s *Slot) fatal() bool { return s.Step.State == inventory.StepFailed && s.Until.IsZero() }

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
