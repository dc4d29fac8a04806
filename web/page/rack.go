package page

import (
	"slices"
	"sort"
	"strings"
	"time"

	"sandai/inventory"
	"sandai/web/progress"
)

// RackData is what the rack's page is drawn from.
type RackData struct {
	Rack     inventory.Rack
	Progress *progress.Progress // of the latest run; nil where there was none
	Steps    []inventory.Step   // of that run
	Power    map[string]Power   // by node, as far as it is known
	Selected []string           // nodes
	Tab      string             // of the drawer
	History  []inventory.Event  // of the one selected node, newest first
	Console  string             // the last lines of its console
	BMC      *BMCFacts          // of the one selected node, on its BMC tab
	Filter   string             // only nodes whose name, role, state, address or MAC holds it
	Now      time.Time
}

// Power is a node's power as its BMC last said.
type Power struct {
	State  string    // "on", "off"; "" where it never answered
	Seen   time.Time // when it said so
	Reason string    // why it does not answer now
}

// RackView is the rack's page.
type RackView struct {
	Name        string
	Installed   bool
	Units       []Unit // with a role, the last of the rack first, as in a cabinet
	Newcomers   []Unit
	Whole       *Unit // the steps that belong to no node
	Failed      []inventory.Step
	Run         uint
	Selected    []Unit
	Filter      string
	Hidden      int // nodes that the filter leaves out
	Tab         string
	Tabs        []Tab
	History     []inventory.Event
	Console     string
	BMC         *BMCFactsView
	PowerReason string // why the selected node's BMC does not answer
	Roles       []inventory.Role
	// Install is the button's state: why it cannot be pressed, "" where it can.
	Install Text
	Resume  bool
}

// Tab is one of a drawer's.
type Tab struct {
	Key  string
	Name Text
}

var drawerTabs = []Tab{{"now", Text{"Now", "現在"}}, {"facts", Text{"Facts", "諸元"}}, {"bmc", Text{"BMC", "BMC"}},
	{"network", Text{"Network", "ネットワーク"}}, {"history", Text{"History", "履歴"}}, {"console", Text{"Console", "コンソール"}}}

// Unit is a server as it is drawn.
type Unit struct {
	Node     inventory.Node
	Place    int // in the cabinet, from 1 at the bottom
	Power    PowerLamp
	Segments []Segment
	Spark    []SparkBar
	Progress progress.NodeProgress
	Now      *progress.StepNow // the step that its line shows
	More     int               // steps in hand beside it
	Selected bool
	MAC      string
}

// PowerLamp shows a node's power.
type PowerLamp struct {
	Glyph string
	Word  Text
	Class string
}

// Segment is a part of a unit's bar: one phase or chapter, X and Width in thousandths.
type Segment struct {
	Chapter  string
	Class    string // "done", "busy", "bad", "todo"
	X, Width int
}

// SparkBar is how many steps a node finished in a stretch of the run; the
// drawing is 20 wide and 10 high.
type SparkBar struct{ X, Y, H float64 }

// RackPage makes the view. It is pure.
func RackPage(d RackData) RackView {
	v := RackView{Name: d.Rack.Name, Filter: d.Filter, Tab: d.Tab, Tabs: drawerTabs, Roles: []inventory.Role{inventory.Controller, inventory.NetworkRole, inventory.Compute}}
	if !slices.ContainsFunc(drawerTabs, func(t Tab) bool { return t.Key == v.Tab }) {
		v.Tab = drawerTabs[0].Key
	}
	byNode := map[string]progress.NodeProgress{}
	if p := d.Progress; p != nil {
		v.Run, v.Failed = p.Run.ID, p.Failed
		install := p.Run.Kind == inventory.RunInstall || p.Run.Kind == ""
		v.Installed = install && p.Run.State == inventory.RunDone
		v.Resume = install && (p.Run.State == inventory.RunFailed || p.Run.State == inventory.RunStopped)
		for _, n := range p.Nodes {
			byNode[n.Node] = n
		}
	}
	ofNode := map[string][]inventory.Step{}
	for _, s := range d.Steps {
		ofNode[s.Node] = append(ofNode[s.Node], s)
	}
	place := 0
	for _, n := range d.Rack.Nodes {
		u := Unit{Node: n, MAC: firstMAC(n), Progress: byNode[n.Name], Power: powerLamp(n, d.Power[n.Name], d.Now), Selected: slices.Contains(d.Selected, n.Name)}
		if n.Role != "" {
			place++
			u.Place = place
		}
		if !matches(u, d.Filter) {
			v.Hidden++
			continue
		}
		u.draw(ofNode[n.Name], d)
		if n.Role == "" {
			v.Newcomers = append(v.Newcomers, u)
		} else {
			v.Units = append(v.Units, u)
		}
		if u.Selected {
			v.Selected = append(v.Selected, u)
		}
	}
	slices.Reverse(v.Units)
	if whole, ok := byNode[""]; ok {
		v.Whole = &Unit{Progress: whole}
		v.Whole.draw(ofNode[""], d)
	}
	v.Install, v.History, v.Console = whyNoInstall(d), d.History, d.Console
	if d.BMC != nil {
		v.BMC = bmcFactsView(*d.BMC, d.Now)
	}
	if len(v.Selected) == 1 {
		v.PowerReason = d.Power[v.Selected[0].Node.Name].Reason
	}
	return v
}

func (u *Unit) draw(steps []inventory.Step, d RackData) {
	u.Segments = segments(steps)
	if now := u.Progress.Now; len(now) > 0 {
		u.Now, u.More = &now[0], len(now)-1
	}
	if d.Progress != nil && d.Progress.Run.State == inventory.RunActive {
		u.Spark = spark(steps, d.Progress.Run.Created, d.Now)
	}
}

func firstMAC(n inventory.Node) string {
	if m := n.MAC(inventory.Provisioning); m != "" || len(n.NICs) == 0 {
		return m
	}
	return n.NICs[0].MAC
}

func matches(u Unit, filter string) bool {
	if filter == "" {
		return true
	}
	all := strings.ToLower(strings.Join([]string{u.Node.Name, string(u.Node.Role), string(u.Node.State), u.Node.Address, u.MAC}, " "))
	for _, word := range strings.Fields(strings.ToLower(filter)) {
		if !strings.Contains(all, word) {
			return false
		}
	}
	return true
}

func powerLamp(n inventory.Node, p Power, now time.Time) PowerLamp {
	switch {
	case n.BMC == nil:
		return PowerLamp{"–", Text{"no BMC", "BMC なし"}, "quiet"}
	case p.Reason != "" && p.State != "":
		age := Span(now.Sub(p.Seen).Seconds())
		return PowerLamp{"?", Text{"was " + p.State + " " + age.EN + " ago", p.State + "（" + age.JA + "前）"}, "wait"}
	case p.Reason != "":
		return PowerLamp{"?", Text{"BMC silent", "BMC 応答なし"}, "wait"}
	case !p.Seen.IsZero() && p.Seen.Before(n.Since): // the server has changed since
		return PowerLamp{"·", Text{"being asked", "確認中"}, "quiet"}
	case p.State == "on":
		return PowerLamp{"●", Text{"on", "オン"}, "good"}
	case p.State == "off":
		return PowerLamp{"○", Text{"off", "オフ"}, "quiet"}
	}
	return PowerLamp{"·", Text{"not asked yet", "未確認"}, "quiet"}
}

// segments makes a unit's bar: its chapters in the order of the plan, each as
// wide as it has steps.
func segments(steps []inventory.Step) []Segment {
	var out []Segment
	total := len(steps)
	first := map[string]int{}
	count, done := map[string]int{}, map[string]int{}
	class := map[string]string{}
	var order []string
	for i, s := range steps {
		if _, ok := first[s.Chapter]; !ok {
			first[s.Chapter] = i
			order = append(order, s.Chapter)
		}
		count[s.Chapter]++
		switch s.State {
		case inventory.StepDone, inventory.StepSkipped:
			done[s.Chapter]++
		case inventory.StepFailed:
			class[s.Chapter] = "bad"
		case inventory.StepRunning, inventory.StepReady:
			if class[s.Chapter] == "" {
				class[s.Chapter] = "busy"
			}
		}
	}
	sort.SliceStable(order, func(a, b int) bool { return first[order[a]] < first[order[b]] })
	x := 0
	for _, c := range order {
		w := max(1, count[c]*1000/total)
		k := class[c]
		switch {
		case k == "" && done[c] == count[c]:
			k = "done"
		case k == "" && done[c] > 0:
			k = "busy"
		case k == "":
			k = "todo"
		}
		out = append(out, Segment{Chapter: c, Class: k, X: x, Width: w})
		x += w
	}
	return out
}

// spark counts the steps that ended in each of the last twenty stretches of the
// run, of at least 15 s each.
func spark(steps []inventory.Step, from, now time.Time) []SparkBar {
	const bars = 20
	width := max(15*time.Second, now.Sub(from)/bars)
	counts := make([]int, bars)
	most := 1
	for _, s := range steps {
		if s.EndedAt == nil {
			continue
		}
		if i := bars - 1 - int(now.Sub(*s.EndedAt)/width); i >= 0 && i < bars {
			counts[i]++
			most = max(most, counts[i])
		}
	}
	out := make([]SparkBar, bars)
	for i, c := range counts {
		h := 10 * float64(c) / float64(most)
		out[i] = SparkBar{X: float64(i), Y: 10 - h, H: h}
	}
	return out
}

// whyNoInstall says why the install button cannot be pressed, the zero Text
// where it can.
func whyNoInstall(d RackData) Text {
	if p := d.Progress; p != nil && p.Run.State == inventory.RunActive {
		return Text{"a run is under way", "実行中の処理があります"}
	}
	roles := map[inventory.Role]bool{}
	for _, n := range d.Rack.Nodes {
		roles[n.Role] = true
	}
	if d.Rack.Release == inventory.ReleaseDebian {
		if len(roles) == 0 || len(roles) == 1 && roles[""] {
			return Text{"no server has a role yet", "ロールを持つサーバーがまだありません"}
		}
		return Text{}
	}
	for _, r := range []inventory.Role{inventory.Controller, inventory.NetworkRole, inventory.Compute} {
		if !roles[r] {
			return Textf(Text{"no server has the role %s yet", "ロール %s のサーバーがまだありません"}, r)
		}
	}
	return Text{}
}
