package web

import (
	"fmt"
	"sort"
	"strings"
	"time"

	"sandai/inventory"
)

// view is all that the page shows; pageView makes it and the template prints it.
type view struct {
	Refresh int // seconds
	Racks   []string
	Rack    string
	Status  string // the one line that is always true
	Lamp    lamp
	Nodes   []nodeView
	Failed  []failedView
	Report  *inventory.Report
	Table   phaseTable
	At      string
	Problem string // in place of everything else
}

// lamp is a state by glyph and word; Class colours it.
type lamp struct{ Glyph, Word, Class string }

type nodeView struct {
	Glyph, Name, Role string
	Lamp              lamp
	Address           string
	Step, Also        string
	Time              string
	Done, Total       int
	Reason            string
}

type failedView struct {
	Key, Reason, Command, Stdout, Stderr, Resume string
}

var roleGlyph = map[inventory.Role]string{inventory.Controller: "◆", inventory.Compute: "▣", inventory.NetworkRole: "⇄"}

var nodeLamps = map[inventory.NodeState]lamp{
	inventory.Discovered:  {"○", "discovered", "quiet"},
	inventory.Inspected:   {"○", "inspected", "quiet"},
	inventory.Ready:       {"○", "ready", "quiet"},
	inventory.Deploying:   {"◔", "deploying", "busy"},
	inventory.Installed:   {"◔", "installed", "busy"},
	inventory.Configuring: {"◔", "configuring", "busy"},
	inventory.Active:      {"●", "active", "good"},
	inventory.Failed:      {"✕", "failed", "bad"},
	inventory.Parked:      {"⏸", "parked", "bad"},
	inventory.Releasing:   {"◔", "releasing", "busy"},
	inventory.Maintenance: {"✋", "hands off", "quiet"},
}

// StepGlyph is the glyph of a step's state, as on the page.
func StepGlyph(s inventory.StepState) string {
	switch s {
	case inventory.StepDone:
		return "●"
	case inventory.StepRunning:
		return "◔"
	case inventory.StepReady:
		return "⏳"
	case inventory.StepFailed:
		return "✕"
	case inventory.StepSkipped:
		return "–"
	}
	return "○"
}

// pageView is pure; p is nil for a rack that was never installed, rep where
// there is no report yet.
func pageView(racks []string, r inventory.Rack, p *Progress, rep *inventory.Report, now time.Time) view {
	v := view{Refresh: 30, Racks: racks, Rack: r.Name, At: now.UTC().Format("15:04:05 UTC")}
	nodes := map[string]NodeProgress{}
	if p == nil {
		v.Lamp, v.Status = lamp{"○", "not installed", "quiet"}, "appliance rack plan shows what an install would do, appliance rack install starts it"
	} else {
		for _, n := range p.Nodes {
			nodes[n.Node] = n
		}
		v.Lamp, v.Status = runLamp(*p), StatusLine(*p)
		if p.Run.State == inventory.RunActive {
			v.Refresh = 3
		}
		for _, s := range p.Failed {
			v.Failed = append(v.Failed, failedView{s.Key, s.Reason, s.Command, s.Stdout, s.Stderr, "appliance rack install " + r.Name + " --follow"})
		}
	}
	for _, n := range r.Nodes {
		v.Nodes = append(v.Nodes, nodeOnPage(n, nodes[n.Name]))
	}
	if whole, ok := nodes[""]; ok {
		row := nodeOnPage(inventory.Node{Name: "whole rack"}, whole)
		row.Lamp = lamp{}
		v.Nodes = append(v.Nodes, row)
	}
	if rep != nil {
		v.Report, v.Table = rep, tableOf(*rep)
	}
	return v
}

func nodeOnPage(n inventory.Node, p NodeProgress) nodeView {
	l, ok := nodeLamps[n.State]
	if !ok {
		l = lamp{"?", "unknown", "quiet"}
	}
	glyph := roleGlyph[n.Role]
	if glyph == "" && n.State == inventory.Discovered {
		glyph = "?"
	}
	v := nodeView{Glyph: glyph, Name: n.Name, Role: string(n.Role), Lamp: l, Address: n.Address, Done: p.Done, Total: p.Total, Reason: n.Reason}
	switch {
	case len(p.Now) > 0:
		now := p.Now[0]
		v.Step, v.Time = StepGlyph(now.State)+" "+now.Chapter+" · "+now.Title, Clock(now.Seconds)
		if now.Expected > 0 {
			v.Time += " / ~" + Clock(now.Expected)
		}
		if len(p.Now) > 1 {
			v.Also = fmt.Sprintf("and %d more", len(p.Now)-1)
		}
	case p.Waiting != "":
		v.Step = "waits for " + p.Waiting
	}
	return v
}

func runLamp(p Progress) lamp {
	switch p.Run.State {
	case inventory.RunDone:
		return lamp{"●", "Installed", "good"}
	case inventory.RunFailed:
		return lamp{"✕", "Failed", "bad"}
	}
	return lamp{"◔", "Installing", "busy"}
}

// StatusLine says in one line how far a run is, how long it will take, and
// whether anything is wrong.
func StatusLine(p Progress) string {
	line := fmt.Sprintf("step %d of %d · %s", p.Done, p.Total, Span(p.Elapsed))
	switch {
	case p.Run.State == inventory.RunFailed && len(p.Failed) == 0:
		return line + " · " + p.Run.Reason
	case p.Run.State == inventory.RunFailed: // its reason is told with the step
	case p.Run.State == inventory.RunDone:
		return line + " · run " + fmt.Sprint(p.Run.ID)
	case p.Remaining == nil:
		line += " · first run, no estimate"
	default:
		line += " · about " + Span(*p.Remaining) + " left"
	}
	if len(p.Failed) > 0 {
		return line + " · " + p.Failed[0].Key + " failed"
	}
	return line + " · nothing wrong"
}

// Clock prints seconds as "0:42" or "1:02:03".
func Clock(sec float64) string {
	t := int(sec)
	if t >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", t/3600, t/60%60, t%60)
	}
	return fmt.Sprintf("%d:%02d", t/60, t%60)
}

// Span prints seconds in words: "1.2 s", "42 s", "14 min 23 s", "2 h 5 min".
func Span(sec float64) string {
	t := int(sec + 0.5)
	switch {
	case sec < 9.95:
		return fmt.Sprintf("%.1f s", sec)
	case t < 60:
		return fmt.Sprintf("%d s", t)
	case t < 3600:
		return fmt.Sprintf("%d min %d s", t/60, t%60)
	}
	return fmt.Sprintf("%d h %d min", t/3600, t/60%60)
}

// phaseTable is a report's phases: a row a phase, a column a node.
type phaseTable struct {
	Nodes []string
	Rows  []phaseRow
}

type phaseRow struct {
	Phase string
	Cells []string
}

// PhaseTable lays a report's phases out: the head, then a row a phase in plan
// order. The steps of the whole rack have the column "rack".
func PhaseTable(r inventory.Report) [][]string {
	t := tableOf(r)
	out := [][]string{append([]string{"phase"}, t.Nodes...)}
	for _, row := range t.Rows {
		out = append(out, append([]string{row.Phase}, row.Cells...))
	}
	return out
}

func tableOf(r inventory.Report) phaseTable {
	var t phaseTable
	cols, rows := map[string]int{}, map[string]int{}
	column := func(n string) string {
		if n == "" {
			return "rack"
		}
		return n
	}
	for _, p := range r.Phases {
		if _, ok := cols[column(p.Node)]; !ok {
			cols[column(p.Node)] = 0
			t.Nodes = append(t.Nodes, column(p.Node))
		}
	}
	sort.SliceStable(t.Nodes, func(i, j int) bool { return t.Nodes[i] != "rack" && t.Nodes[j] == "rack" })
	for i, n := range t.Nodes {
		cols[n] = i
	}
	for _, p := range r.Phases {
		i, ok := rows[p.Phase]
		if !ok {
			i = len(t.Rows)
			rows[p.Phase] = i
			t.Rows = append(t.Rows, phaseRow{p.Phase, make([]string, len(t.Nodes))})
		}
		text := Span(p.Seconds)
		if p.State != inventory.StepDone && p.State != inventory.StepSkipped {
			text = strings.TrimSpace(StepGlyph(p.State) + " " + string(p.State))
		}
		t.Rows[i].Cells[cols[column(p.Node)]] = text
	}
	return t
}
