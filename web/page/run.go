package page

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"sandai/inventory"
	"sandai/web/progress"
)

// RunData is what a run's page is drawn from.
type RunData struct {
	Rack     inventory.Rack
	Run      inventory.Run
	Steps    []inventory.Step   // in plan order
	Expected map[string]float64 // seconds by key, from the rack's last good run; nil where there is none
	Texts    func(key string) inventory.StepText
	Step     *inventory.Step // the chosen one, with its outputs; nil for none
	Asked    RunQuery
	Latest   bool   // the run is the rack's latest, so it can be steered
	Steer    bool   // the appliance can retry, skip and stop
	Why      string // what was typed as the reason of a skip
	Now      time.Time
}

// RunQuery is what the page's URL asks for.
type RunQuery struct {
	Step, Node, Group, State, Text string
	Zoom                           int // how many times as wide as the window the drawing is: 1, 2, 4 or 8
}

// RunView is a run's page: while it goes on, and its report afterwards.
type RunView struct {
	Rack string
	RunRow
	Asked    RunQuery
	Draw     Drawing
	Path     PathView
	Rows     []StepRow
	Hidden   int // rows that are not shown: narrow the filter
	Left     int // rows that the filter leaves out
	Nodes    []string
	Groups   []string
	States   []string
	Zooms    []int
	Step     *StepView
	Estimate bool // times of an earlier run are known
	Resume   bool // it failed or was stopped, and can go on
	Steer    bool
	Latest   bool
	Found    *Text // what a check that has ended found; nil for any other run
}

// mostRows is how many steps the table shows.
const mostRows = 400

// PathView sums the critical path up.
type PathView struct {
	Steps   int
	Hand    float64 // seconds in hand
	Waiting float64 // seconds until the next was taken up
	Longest []StepRow
}

// RunPage makes the view. It is pure.
func RunPage(d RunData) RunView {
	count := inventory.StepCount{Total: len(d.Steps)}
	now := d.Now
	if d.Run.Ended != nil {
		now = *d.Run.Ended
	}
	for _, s := range d.Steps {
		if progress.Settled(s.State) {
			count.Done++
		}
	}
	v := RunView{Rack: d.Rack.Name, RunRow: runRow(d.Run, count, d.Now), Asked: d.Asked, Zooms: []int{1, 2, 4, 8}, States: runFilters,
		Estimate: d.Expected != nil, Latest: d.Latest, Steer: d.Steer,
		Resume: d.Latest && d.Run.Kind != inventory.RunCheck && (d.Run.State == inventory.RunFailed || d.Run.State == inventory.RunStopped)}
	if d.Run.Kind == inventory.RunCheck && d.Run.State == inventory.RunDone {
		found := checkText(d.Run)
		v.Found = &found
	}
	if !slices.Contains(v.Zooms, v.Asked.Zoom) {
		v.Asked.Zoom = 1
	}
	expected := d.Expected
	if d.Run.State != inventory.RunActive {
		expected = nil // what has ended has no future
	}
	slots := progress.Schedule(d.Steps, expected, now)
	var nodes []string
	for _, n := range d.Rack.Nodes {
		nodes = append(nodes, n.Name)
	}
	for _, s := range d.Steps { // one that the rack has no more
		if s.Node != "" && !slices.Contains(nodes, s.Node) {
			nodes = append(nodes, s.Node)
		}
	}
	t := progress.Draw(d.Run, nodes, slots, d.Asked.Node, now)
	v.Draw, v.Path = draw(d, v, t), pathOf(d, slots, t.Path)
	v.table(d, now)
	if d.Step != nil {
		s := stepView(d, now)
		v.Step = &s
	}
	return v
}

func pathOf(d RunData, slots []progress.Slot, path []string) PathView {
	var p PathView
	index := map[string]*progress.Slot{}
	for i := range slots {
		index[slots[i].Step.Key] = &slots[i]
	}
	var before time.Time
	for _, k := range path {
		s := index[k]
		p.Steps++
		p.Hand += s.End().Sub(s.Start()).Seconds()
		if !before.IsZero() {
			p.Waiting += max(0, s.Start().Sub(before).Seconds())
		}
		before = s.End()
		p.Longest = append(p.Longest, StepRow{Step: s.Step, Title: titleOf(d, s.Step), Seconds: s.End().Sub(s.Start()).Seconds()})
	}
	slices.SortStableFunc(p.Longest, func(a, b StepRow) int {
		switch {
		case a.Seconds > b.Seconds:
			return -1
		case a.Seconds < b.Seconds:
			return 1
		}
		return 0
	})
	p.Longest = p.Longest[:min(10, len(p.Longest))]
	return p
}

// titleOf is a step's title: in English as the run has it, in Japanese as the
// guide has it today, else in English too.
func titleOf(d RunData, s inventory.Step) Text { return titleIn(d.Texts, s.Key, s.Title) }

func titleIn(texts func(key string) inventory.StepText, key, title string) Text {
	t := Both(title)
	if texts != nil {
		t.JA = cmp.Or(texts(key).Title.JA, title)
	}
	return t
}

// runFilters are the states that the table may be narrowed to.
var runFilters = []string{"failed", "running", "pending", "changed", "skipped", "done"}

var filterWords = map[string]Text{
	"failed": {"failed", "失敗"}, "running": {"in hand", "実行中"}, "pending": {"to come", "未実行"}, "changed": {"changed something", "変更あり"},
	"skipped": {"skipped", "省略"}, "done": {"done", "完了"},
}

// StepRow is a step in the table.
type StepRow struct {
	inventory.Step
	Title    Text
	Seconds  float64
	Expected float64
	Chosen   bool
	Began    bool
}

func (q RunQuery) wants(s inventory.Step, title Text) bool {
	if q.Node != "" && progress.LaneName(s.Node) != q.Node || q.Group != "" && progress.GroupOf(s.Chapter) != q.Group {
		return false
	}
	switch q.State {
	case "running":
		if s.State != inventory.StepRunning && s.State != inventory.StepReady {
			return false
		}
	case "changed":
		if !s.Changed {
			return false
		}
	case "failed", "pending", "skipped", "done":
		if string(s.State) != q.State {
			return false
		}
	}
	all := strings.ToLower(s.Key + " " + title.EN + " " + title.JA + " " + s.Kind)
	for _, w := range strings.Fields(strings.ToLower(q.Text)) {
		if !strings.Contains(all, w) {
			return false
		}
	}
	return true
}

func (v *RunView) table(d RunData, now time.Time) {
	for _, s := range d.Steps {
		if n := progress.LaneName(s.Node); !slices.Contains(v.Nodes, n) {
			v.Nodes = append(v.Nodes, n)
		}
		if g := progress.GroupOf(s.Chapter); !slices.Contains(v.Groups, g) {
			v.Groups = append(v.Groups, g)
		}
		title := titleOf(d, s)
		switch {
		case !d.Asked.wants(s, title):
			v.Left++
		case len(v.Rows) == mostRows:
			v.Hidden++
		default:
			r := StepRow{Step: s, Title: title, Expected: d.Expected[s.Key], Began: s.State != inventory.StepPending && (s.StartedAt != nil || s.ReadyAt != nil)}
			if r.Began {
				r.Seconds = progress.Seconds(s, now)
			}
			r.Chosen = d.Step != nil && d.Step.Key == s.Key
			v.Rows = append(v.Rows, r)
		}
	}
}
