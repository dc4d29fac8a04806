package progress

import (
	"cmp"
	"slices"
	"time"

	"sandai/inventory"
)

// Timeline is a run as it is drawn: a lane a node and one for the whole rack,
// blocks to scale of time, and what one lane waited for in another.
type Timeline struct {
	From, To time.Time // of all that is drawn
	Now      time.Time // where the future begins; not before To of a run that has ended
	Lanes    []Lane
	Links    []Link
	Path     []string // keys, see CriticalPath
	Pauses   []Stretch
	// Open counts the steps that are neither done nor skipped and of which no
	// time can be told.
	Open int
}

// Stretch is a piece of time.
type Stretch struct{ From, To time.Time }

// Lane is one node's, or the whole rack's with Node "".
type Lane struct {
	Node        string
	Done, Total int
	Rows        int // that its blocks take
	Blocks      []Block
	Waits       []Stretch // when nothing was in hand, because of another lane
	Open        int       // its steps of which no time can be told
}

// Block is what is drawn as one: a chapter or a group of phases, of an opened
// lane a single step.
type Block struct {
	Group  string
	Slots  []Slot // in the order of their begin, each with a time
	Row    int
	From   time.Time
	To     time.Time
	State  inventory.StepState
	Waits  []Stretch // within it, because of another lane
	Single bool      // it is one step of an opened lane
}

// Link says that a step waited for one in another lane or block.
type Link struct {
	From, To string // keys; From ended at At, and let To begin
	At       time.Time
	Critical bool
}

// Groups of phases that are drawn as one block: most take less than a blink.
const (
	GroupPower = "power-on"
	GroupNet   = "network-boot"
	GroupDisk  = "disk"
	GroupFirst = "first-boot"
)

var groups = map[string]string{
	"power": GroupPower, "firmware": GroupPower,
	"dhcp": GroupNet, "loader": GroupNet, "kernel": GroupNet, "agent": GroupNet,
	"inspect": GroupDisk, "wipe": GroupDisk, "write": GroupDisk, "seed": GroupDisk,
	"handover": GroupFirst, "boot": GroupFirst,
}

// GroupOf names the block that a step of a chapter or phase is drawn in.
func GroupOf(chapter string) string {
	if g, ok := groups[chapter]; ok {
		return g
	}
	return chapter
}

// leastPause is the shortest time without anything in hand that counts as a
// pause of the run, as between a failure and its resumption.
const leastPause = time.Minute

// Draw lays a run out; open names the node whose steps are drawn singly, "rack"
// for the whole rack's, "" for none. It is pure.
func Draw(run inventory.Run, nodes []string, slots []Slot, open string, now time.Time) Timeline {
	t := Timeline{From: run.Created, Now: now, Path: CriticalPath(slots)}
	if run.Ended != nil {
		t.Now = *run.Ended
	}
	t.To = t.Now
	lanes := map[string]*Lane{}
	for _, n := range append(slices.Clone(nodes), "") {
		t.Lanes = append(t.Lanes, Lane{Node: n})
	}
	for i := range t.Lanes {
		lanes[t.Lanes[i].Node] = &t.Lanes[i]
	}
	ofLane := map[string][]Slot{}
	for i := range slots {
		s := &slots[i]
		l := lanes[s.Step.Node]
		if l == nil {
			continue
		}
		l.Total++
		if Settled(s.Step.State) {
			l.Done++
		}
		if !s.Known() {
			if !Settled(s.Step.State) {
				l.Open++
				t.Open++
			}
			continue
		}
		if s.Start().Before(t.From) {
			t.From = s.Start()
		}
		t.To = later(t.To, s.End())
		ofLane[s.Step.Node] = append(ofLane[s.Step.Node], *s)
	}
	node := nodeOf(slots)
	for i := range t.Lanes {
		l := &t.Lanes[i]
		list := ofLane[l.Node]
		slices.SortStableFunc(list, func(a, b Slot) int {
			return cmp.Or(a.Start().Compare(b.Start()), cmp.Compare(a.Step.Seq, b.Step.Seq))
		})
		foreign := func(s *Slot) bool { return s.Holder != "" && node[s.Holder] != s.Step.Node }
		l.Waits = waits(list, foreign)
		if w := waiting(*l, list, slots, node, t.Now); run.State == inventory.RunActive && w != nil {
			l.Waits = append(l.Waits, *w)
		}
		if LaneName(l.Node) == open {
			l.single(list)
		} else {
			l.grouped(list, foreign)
		}
	}
	t.Lanes = slices.DeleteFunc(t.Lanes, func(l Lane) bool { return l.Total == 0 })
	t.Links = links(slots, t)
	t.Pauses = pauses(slots, t.From)
	return t
}

// LaneName is how a lane is called in keys and URLs: "rack" for the whole rack's.
func LaneName(node string) string {
	if node == "" {
		return "rack"
	}
	return node
}

func nodeOf(slots []Slot) map[string]string {
	m := make(map[string]string, len(slots))
	for i := range slots {
		m[slots[i].Step.Key] = slots[i].Step.Node
	}
	return m
}

// waits finds the times between steps, sorted by their begin, in which none was
// in hand because the next waited for another lane.
func waits(list []Slot, foreign func(*Slot) bool) []Stretch {
	var out []Stretch
	var end time.Time
	for i := range list {
		s := &list[i]
		if !end.IsZero() && s.Start().Sub(end) > time.Second && foreign(s) {
			out = append(out, Stretch{end, s.Start()})
		}
		end = later(end, s.End())
	}
	return out
}

// waiting is the time since a lane's last step ended, where none is in hand, no
// time is known of the next, and that one needs another lane's.
func waiting(l Lane, list []Slot, slots []Slot, node map[string]string, now time.Time) *Stretch {
	var end time.Time
	for i := range list {
		end = later(end, list[i].End())
	}
	if l.Open == 0 || end.IsZero() || now.Sub(end) <= time.Second {
		return nil
	}
	open := map[string]bool{}
	for i := range slots {
		open[slots[i].Step.Key] = !Settled(slots[i].Step.State)
	}
	for i := range slots {
		s := &slots[i].Step
		if s.Node == l.Node && open[s.Key] && slices.ContainsFunc(s.Needs, func(k string) bool { return open[k] && node[k] != l.Node }) {
			return &Stretch{end, now}
		}
	}
	return nil
}

// grouped makes a lane's blocks of chapters, packed into as few rows as do not
// overlap.
func (l *Lane) grouped(list []Slot, foreign func(*Slot) bool) {
	at := map[string]int{}
	for _, s := range list {
		g := GroupOf(s.Step.Chapter)
		i, ok := at[g]
		if !ok {
			i = len(l.Blocks)
			at[g] = i
			l.Blocks = append(l.Blocks, Block{Group: g, From: s.Start()})
		}
		b := &l.Blocks[i]
		b.Slots = append(b.Slots, s)
		b.To = later(b.To, s.End())
	}
	var free []time.Time // when each row is free
	for i := range l.Blocks {
		b := &l.Blocks[i]
		b.State, b.Waits = stateOf(b.Slots), waits(b.Slots, foreign)
		b.Row = slices.IndexFunc(free, func(f time.Time) bool { return !f.After(b.From) })
		if b.Row < 0 {
			b.Row = len(free)
			free = append(free, time.Time{})
		}
		free[b.Row] = b.To
	}
	l.Rows = max(1, len(free))
}

// single makes a block of each step, a row a chapter.
func (l *Lane) single(list []Slot) {
	rows := map[string]int{}
	for _, s := range list {
		g := GroupOf(s.Step.Chapter)
		row, ok := rows[g]
		if !ok {
			row = len(rows)
			rows[g] = row
		}
		l.Blocks = append(l.Blocks, Block{Group: g, Slots: []Slot{s}, Row: row, From: s.Start(), To: s.End(), State: s.Step.State, Single: true})
	}
	l.Rows = max(1, len(rows))
}

// stateOf sums the states of a block's steps up: what is wrong or in hand first.
func stateOf(slots []Slot) inventory.StepState {
	count := map[inventory.StepState]int{}
	for i := range slots {
		count[slots[i].Step.State]++
	}
	for _, st := range []inventory.StepState{inventory.StepFailed, inventory.StepRunning, inventory.StepReady} {
		if count[st] > 0 {
			return st
		}
	}
	switch {
	case count[inventory.StepPending] == len(slots):
		return inventory.StepPending
	case count[inventory.StepPending] > 0:
		return inventory.StepRunning
	case count[inventory.StepSkipped] == len(slots):
		return inventory.StepSkipped
	}
	return inventory.StepDone
}

// links draws the critical path from block to block, and each wait of a lane
// for another once.
func links(slots []Slot, t Timeline) []Link {
	node := nodeOf(slots)
	index := make(map[string]int, len(slots))
	for i := range slots {
		index[slots[i].Step.Key] = i
	}
	block := map[string][2]int{}
	for i, l := range t.Lanes {
		for j, b := range l.Blocks {
			for k := range b.Slots {
				block[b.Slots[k].Step.Key] = [2]int{i, j}
			}
		}
	}
	onPath := map[string]string{} // key → the one before it
	for i := 1; i < len(t.Path); i++ {
		onPath[t.Path[i]] = t.Path[i-1]
	}
	var out []Link
	seen := map[[2]string]bool{}
	for i := range slots {
		s := &slots[i]
		critical := s.Holder != "" && onPath[s.Step.Key] == s.Holder
		if !s.Known() || s.Holder == "" || !critical && node[s.Holder] == s.Step.Node {
			continue
		}
		from, ok := block[s.Holder]
		to, ok2 := block[s.Step.Key]
		pair := [2]string{s.Holder, s.Step.Node}
		if !ok || !ok2 || from == to || !critical && seen[pair] {
			continue
		}
		seen[pair] = true
		out = append(out, Link{From: s.Holder, To: s.Step.Key, At: slots[index[s.Holder]].End(), Critical: critical})
	}
	return out
}

// pauses finds the times in which nothing was in hand anywhere.
func pauses(slots []Slot, from time.Time) []Stretch {
	list := make([]*Slot, 0, len(slots))
	for i := range slots {
		if slots[i].Known() {
			list = append(list, &slots[i])
		}
	}
	slices.SortFunc(list, func(a, b *Slot) int { return a.Start().Compare(b.Start()) })
	var out []Stretch
	end := from
	for _, s := range list {
		start := s.Start()
		if s.Step.ReadyAt != nil && s.Began() && s.Step.ReadyAt.Before(start) {
			start = *s.Step.ReadyAt
		}
		if start.Sub(end) > leastPause {
			out = append(out, Stretch{end, start})
		}
		end = later(end, s.End())
	}
	return out
}
