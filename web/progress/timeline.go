package progress

import (
	"sort"
	"time"

	"sandai/inventory"
)

// Timeline is a run as it is drawn: a lane a node, times in seconds since the run
// was made.
type Timeline struct {
	Lanes    []Lane
	Barriers []Barrier
	Now      float64 // where the drawing's now is; the end of a run that ended
	End      float64 // of the last block, expected ones too
	// Guessed: what is still to come has a length, from the rack's last good run.
	Guessed bool
}

// Lane is a node's part; "" is the whole rack's.
type Lane struct {
	Node   string
	Rows   int // blocks side by side: chapters do not wait for each other
	Blocks []Block
}

// Block is a phase or chapter on one node, or one step where a node is looked at
// alone.
type Block struct {
	Key      string // of its first step that is not done, else of its last
	Name     string
	State    inventory.StepState
	Row      int
	From, To float64
	Steps    int
	Done     int
	Critical bool // on the critical path
	Future   bool // not begun: From and To are expected
}

// Barrier is a step that had to wait for another node's.
type Barrier struct {
	FromNode, ToNode string
	Need, Key        string
	Since, At        float64 // the waiting: from when its own node was ready for it to when it could begin
	Critical         bool
}

// barrierFloor is the shortest waiting, in seconds, that is drawn.
const barrierFloor = 1.0

// TimelineOf makes the drawing of a run. It is pure. Where zoom names a node, the
// blocks of its lane are its steps, and other lanes are left out.
func TimelineOf(run inventory.Run, steps []inventory.Step, expected map[string]float64, zoom string, now time.Time) Timeline {
	end := now
	if run.Ended != nil {
		end = *run.Ended
	}
	t := Timeline{Now: end.Sub(run.Created).Seconds(), Guessed: expected != nil && run.State == inventory.RunActive}
	when := spans(run, steps, expected, t)
	critical := map[string]bool{}
	for _, k := range CriticalPath(steps) {
		critical[k] = true
	}
	lanes := map[string]int{}
	for _, s := range steps {
		if zoom != "" && s.Node != zoom {
			continue
		}
		i, ok := lanes[s.Node]
		if !ok {
			i = len(t.Lanes)
			lanes[s.Node] = i
			t.Lanes = append(t.Lanes, Lane{Node: s.Node})
		}
		t.Lanes[i].add(s, when, critical[s.Key], zoom != "")
	}
	sort.SliceStable(t.Lanes, func(i, j int) bool { return t.Lanes[i].Node != "" && t.Lanes[j].Node == "" })
	t.End = t.Now
	for i := range t.Lanes {
		t.Lanes[i].pack()
		for _, b := range t.Lanes[i].Blocks {
			t.End = max(t.End, b.To)
		}
	}
	if zoom == "" {
		t.Barriers = barriers(steps, when, critical)
	}
	return t
}

// span is when a step was, or is expected to be.
type span struct {
	from, to float64
	known    bool
	future   bool
}

// spans gives every step its time; those to come follow what they need, each as
// long as it was expected.
func spans(run inventory.Run, steps []inventory.Step, expected map[string]float64, t Timeline) map[string]span {
	out := map[string]span{}
	since := func(at *time.Time) float64 { return max(0, at.Sub(run.Created).Seconds()) }
	for _, s := range steps {
		from := s.StartedAt
		if from == nil {
			from = s.ReadyAt
		}
		switch {
		case from == nil:
		case s.EndedAt != nil:
			out[s.Key] = span{from: since(from), to: since(s.EndedAt), known: true}
		case s.State == inventory.StepRunning || s.State == inventory.StepReady:
			sp := span{from: since(from), to: t.Now, known: true}
			if t.Guessed {
				sp.to = max(t.Now, sp.from+expected[s.Key])
			}
			out[s.Key] = sp
		}
	}
	if !t.Guessed {
		return out
	}
	byKey := map[string]inventory.Step{}
	for _, s := range steps {
		byKey[s.Key] = s
	}
	var place func(key string) float64
	place = func(key string) float64 {
		if sp, ok := out[key]; ok {
			return sp.to
		}
		s, ok := byKey[key]
		if !ok || s.Ended() {
			return 0
		}
		out[key] = span{} // ends a circle, which a plan never has
		from := t.Now
		for _, n := range s.Needs {
			from = max(from, place(n))
		}
		out[key] = span{from: from, to: from + expected[key], known: true, future: true}
		return out[key].to
	}
	for _, s := range steps {
		place(s.Key)
	}
	return out
}

// add puts a step into its lane: into its chapter's block, or into one of its own.
func (l *Lane) add(s inventory.Step, when map[string]span, critical, single bool) {
	sp := when[s.Key]
	name := s.Chapter
	if single {
		name = ShortStep(s)
	}
	i := len(l.Blocks)
	for j := range l.Blocks {
		if !single && l.Blocks[j].Name == name {
			i = j
		}
	}
	if i == len(l.Blocks) {
		l.Blocks = append(l.Blocks, Block{Name: name, Key: s.Key, State: s.State, From: -1, Future: true})
	}
	b := &l.Blocks[i]
	b.Steps++
	if s.State == inventory.StepDone || s.State == inventory.StepSkipped {
		b.Done++
	}
	b.State = joint(b, s.State)
	if b.Done < b.Steps && (s.State == inventory.StepFailed || s.State == inventory.StepRunning) || b.Done == b.Steps {
		b.Key = s.Key
	}
	b.Critical = b.Critical || critical
	if !sp.known {
		return
	}
	if b.From < 0 || sp.from < b.From {
		b.From = sp.from
	}
	b.To, b.Future = max(b.To, sp.to), b.Future && sp.future
}

// joint is a block's state: what is wrong goes before what is in hand.
func joint(b *Block, s inventory.StepState) inventory.StepState {
	switch {
	case b.State == inventory.StepFailed || s == inventory.StepFailed:
		return inventory.StepFailed
	case b.State == inventory.StepRunning || s == inventory.StepRunning || s == inventory.StepReady:
		return inventory.StepRunning
	case b.Done == b.Steps:
		return inventory.StepDone
	case b.Done > 0:
		return inventory.StepRunning
	}
	return inventory.StepPending
}

// pack leaves out what has no time yet and gives each block the first row where
// it overlaps no other.
func (l *Lane) pack() {
	var kept []Block
	for _, b := range l.Blocks {
		if b.From >= 0 {
			kept = append(kept, b)
		}
	}
	sort.SliceStable(kept, func(i, j int) bool { return kept[i].From < kept[j].From })
	var ends []float64
	for i := range kept {
		b := &kept[i]
		for b.Row = 0; b.Row < len(ends) && ends[b.Row] > b.From; b.Row++ {
		}
		if b.Row == len(ends) {
			ends = append(ends, 0)
		}
		ends[b.Row] = b.To
	}
	l.Blocks, l.Rows = kept, max(1, len(ends))
}

// barriers finds the steps that waited for another node: their last need was
// there, and their own node was ready before.
func barriers(steps []inventory.Step, when map[string]span, critical map[string]bool) []Barrier {
	node := map[string]string{}
	for _, s := range steps {
		node[s.Key] = s.Node
	}
	var out []Barrier
	for _, s := range steps {
		sp := when[s.Key]
		if !sp.known || sp.future || len(s.Needs) == 0 {
			continue
		}
		need, own := "", 0.0
		for _, n := range s.Needs {
			if need == "" || when[n].to > when[need].to {
				need = n
			}
			if node[n] == s.Node {
				own = max(own, when[n].to)
			}
		}
		if node[need] != s.Node && when[need].known && when[need].to-own >= barrierFloor {
			out = append(out, Barrier{FromNode: node[need], ToNode: s.Node, Need: need, Key: s.Key, Since: own, At: when[need].to, Critical: critical[s.Key] && critical[need]})
		}
	}
	return out
}

// CriticalPath returns the keys of the chain of needs that ended last, first step
// first: each is the need that its follower had to wait for longest. It is pure.
func CriticalPath(steps []inventory.Step) []string {
	byKey := map[string]inventory.Step{}
	last := ""
	for _, s := range steps {
		if s.EndedAt == nil || s.State == inventory.StepSkipped {
			continue
		}
		byKey[s.Key] = s
		if last == "" || s.EndedAt.After(*byKey[last].EndedAt) {
			last = s.Key
		}
	}
	var path []string
	seen := map[string]bool{}
	for k := last; k != "" && !seen[k]; {
		seen[k] = true
		path = append([]string{k}, path...)
		before := ""
		for _, n := range byKey[k].Needs {
			if s, ok := byKey[n]; ok && (before == "" || s.EndedAt.After(*byKey[before].EndedAt)) {
				before = n
			}
		}
		k = before
	}
	return path
}
