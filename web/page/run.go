package page

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"sandai/inventory"
	"sandai/web/progress"
)

// RunsView is the list of a rack's runs, newest first.
type RunsView struct {
	Rack string
	Runs []inventory.Run
	Now  time.Time
}

// Took is how long a run took, or has taken so far, in seconds.
func (v RunsView) Took(r inventory.Run) float64 {
	if r.Ended != nil {
		return r.Ended.Sub(r.Created).Seconds()
	}
	return v.Now.Sub(r.Created).Seconds()
}

// RunData is what a run's page is drawn from.
type RunData struct {
	Rack     inventory.Rack
	Run      inventory.Run
	Steps    []inventory.Step
	Expected map[string]float64 // seconds by step key, nil on a first run
	Step     *inventory.Step    // the open one, whole
	Guide    StepText           // of the open step
	Node     string             // only this node's steps, each drawn by itself; "" for all
	State    string             // only steps in this state, or "changed"
	Filter   string
	Now      time.Time
}

// StepText is what the guide says of a step; what it does not know is empty.
type StepText struct {
	Title, Why, Source Text
}

// RunView is a run's page: the timeline, the steps, and the open step.
type RunView struct {
	Rack     string
	Run      inventory.Run
	Took     float64
	Drawing  Drawing
	Nodes    []string
	Steps    []StepRow
	Shown    int
	Step     *StepView
	Node     string
	State    string
	Filter   string
	Critical []string
}

// StepRow is a step in the list.
type StepRow struct {
	inventory.Step
	Seconds  float64
	Expected float64
	Critical bool
}

// StepView is the open step.
type StepView struct {
	StepRow
	Guide    StepText
	Diff     []DiffLine
	Waiters  []string // steps that need it
	CanRetry bool
	CanSkip  bool
}

// DiffLine is a line of a unified diff with its class: "add", "del", "hunk" or "".
type DiffLine struct{ Class, Text string }

// RunPage makes the view. It is pure.
func RunPage(d RunData) RunView {
	v := RunView{Rack: d.Rack.Name, Run: d.Run, Node: d.Node, State: d.State, Filter: d.Filter}
	end := d.Now
	if d.Run.Ended != nil {
		end = *d.Run.Ended
	}
	v.Took = end.Sub(d.Run.Created).Seconds()
	v.Critical = progress.CriticalPath(d.Steps)
	v.Drawing = draw(progress.TimelineOf(d.Run, d.Steps, d.Expected, d.Node, d.Now), d)
	for _, s := range d.Steps {
		if s.Node != "" && !slices.Contains(v.Nodes, s.Node) {
			v.Nodes = append(v.Nodes, s.Node)
		}
		row := StepRow{Step: s, Seconds: progress.Seconds(s, d.Now), Expected: d.Expected[s.Key], Critical: slices.Contains(v.Critical, s.Key)}
		if stepMatches(s, d) {
			v.Steps = append(v.Steps, row)
		}
		if d.Step != nil && s.Key == d.Step.Key {
			row.Step = *d.Step
			v.Step = stepView(row, d)
		}
	}
	v.Shown = len(v.Steps)
	return v
}

func stepMatches(s inventory.Step, d RunData) bool {
	if d.Node != "" && s.Node != d.Node {
		return false
	}
	switch {
	case d.State == "":
	case d.State == "changed":
		if !s.Changed {
			return false
		}
	case d.State != string(s.State):
		return false
	}
	return strings.Contains(strings.ToLower(s.Key+" "+s.Title), strings.ToLower(d.Filter))
}

func stepView(row StepRow, d RunData) *StepView {
	v := &StepView{StepRow: row, Guide: d.Guide}
	for _, s := range d.Steps {
		if slices.Contains(s.Needs, row.Key) {
			v.Waiters = append(v.Waiters, s.Key)
		}
	}
	if row.Diff != "" {
		for l := range strings.Lines(row.Diff) {
			v.Diff = append(v.Diff, diffLine(strings.TrimRight(l, "\n")))
		}
	}
	v.CanRetry = row.State == inventory.StepFailed
	v.CanSkip = row.State == inventory.StepFailed || row.State == inventory.StepPending
	return v
}

func diffLine(l string) DiffLine {
	switch {
	case strings.HasPrefix(l, "@@"), strings.HasPrefix(l, "---"), strings.HasPrefix(l, "+++"):
		return DiffLine{"hunk", l}
	case strings.HasPrefix(l, "+"):
		return DiffLine{"add", l}
	case strings.HasPrefix(l, "-"):
		return DiffLine{"del", l}
	}
	return DiffLine{"", l}
}

// Drawing is the timeline in the units of its SVG.
type Drawing struct {
	Width, Height int
	Lanes         []LaneShape
	Ticks         []Tick
	Links         []LinkShape
	Now           float64 // 0 where the run has ended
	First         bool    // under way and nothing is known of what is to come
}

// LaneShape is a lane with its blocks.
type LaneShape struct {
	Node   string
	Y, H   int
	Role   RoleSign
	Blocks []BlockShape
}

// BlockShape is a block: a link to its step.
type BlockShape struct {
	progress.Block
	X, W  float64
	Y, H  int
	Label string // what fits into it
	Class string
	Took  float64
}

// LinkShape is a barrier: the waiting, hatched, and the line from lane to lane.
type LinkShape struct {
	progress.Barrier
	X, W   float64
	WaitY  int
	Y1, Y2 int
}

// Tick is a mark of the time axis.
type Tick struct {
	X    float64
	Text string
}

const (
	drawWidth = 1400
	laneLeft  = 112
	rowHeight = 20
	laneGap   = 12
	axisTop   = 24
	letter    = 7.2 // of a label, on average
)

func draw(t progress.Timeline, d RunData) Drawing {
	g := Drawing{Width: drawWidth, First: d.Run.State == inventory.RunActive && !t.Guessed}
	total := max(t.End, t.Now, 1)
	x := func(sec float64) float64 {
		return math.Round((laneLeft+sec/total*(drawWidth-laneLeft-8))*10) / 10
	}
	if d.Run.State == inventory.RunActive {
		g.Now = x(t.Now)
	}
	y := axisTop
	middle := map[string]int{}
	for _, l := range t.Lanes {
		s := LaneShape{Node: l.Node, Y: y, H: l.Rows*rowHeight + 4, Role: roleIn(d.Rack, l.Node)}
		middle[l.Node] = y + s.H/2
		for _, b := range l.Blocks {
			shape := BlockShape{Block: b, X: x(b.From), Y: y + 2 + b.Row*rowHeight, H: rowHeight - 3, Class: blockClass(b), Took: b.To - b.From}
			shape.W = math.Round(max(2, x(b.To)-shape.X)*10) / 10
			if shape.W > float64(len(b.Name))*letter+6 {
				shape.Label = b.Name
			}
			s.Blocks = append(s.Blocks, shape)
		}
		g.Lanes = append(g.Lanes, s)
		y += s.H + laneGap
	}
	g.Height = y
	for _, b := range t.Barriers {
		from, to := x(b.Since), x(b.At)
		g.Links = append(g.Links, LinkShape{Barrier: b, X: from, W: max(1, to-from), WaitY: middle[b.ToNode] - 3, Y1: middle[b.FromNode], Y2: middle[b.ToNode]})
	}
	step := tickStep(total)
	for s := 0.0; s <= total; s += step {
		g.Ticks = append(g.Ticks, Tick{x(s), progress.Clock(s)})
	}
	return g
}

// tickStep is the shortest of the usual lengths that leaves at most twelve marks.
func tickStep(total float64) float64 {
	for _, s := range []float64{1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600} {
		if total/s <= 12 {
			return s
		}
	}
	return 7200
}

func blockClass(b progress.Block) string {
	c := map[inventory.StepState]string{inventory.StepDone: "done", inventory.StepFailed: "bad", inventory.StepRunning: "busy"}[b.State]
	if b.Future {
		c = "ahead"
	}
	if b.Critical {
		c += " critical"
	}
	return strings.TrimSpace(c)
}

func roleIn(r inventory.Rack, node string) RoleSign {
	for _, n := range r.Nodes {
		if n.Name == node {
			return RoleOf(n.Role)
		}
	}
	return RoleSign{Class: "quiet"}
}

// Describe tells a block to who cannot see it.
func (b BlockShape) Describe(l Lang, node string) string {
	if node == "" {
		node = Text{"the whole rack", "ラック全体"}.In(l)
	}
	state := stepWords[b.State]
	if b.Future {
		state = Text{"expected", "予定"}
	}
	s := fmt.Sprintf("%s, %s, %s, %s", node, b.Name, state.In(l), Span(b.Took).In(l))
	if b.Critical {
		s += Text{", on the critical path", "、クリティカルパス上"}.In(l)
	}
	return s
}
