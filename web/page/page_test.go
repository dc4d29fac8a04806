package page_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sandai/inventory"
	"sandai/web/page"
	"sandai/web/progress"
	"sandai/web/webtest"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden draws a page in both languages and compares it with testdata/.
func golden(t *testing.T, name, tmpl string, f page.Frame, view any) {
	t.Helper()
	for _, l := range []page.Lang{page.EN, page.JA} {
		f.Lang = l
		var b bytes.Buffer
		if err := page.Render(&b, tmpl, f, view); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join("testdata", name+"."+string(l)+".html")
		// The head changes with every change of a script; the page is what is drawn.
		got := b.Bytes()[bytes.Index(b.Bytes(), []byte("<body")):]
		if bytes.Contains(got, []byte("%!")) {
			t.Errorf("%s: a text is not filled in as it wants", path)
		}
		if *update {
			if err := os.MkdirAll("testdata", 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(string(want), string(got)); d != "" {
			t.Errorf("%s (-want +got), -update rewrites it:\n%s", path, d)
		}
	}
}

func run(state inventory.RunState, ended float64) inventory.Run {
	r := inventory.Run{ID: 2, RackID: 1, Rack: "demo", State: state, Created: webtest.T0, Attempt: 1}
	if state != inventory.RunActive {
		r.Ended = webtest.At(ended)
	}
	return r
}

// atWork is a rack whose run is so many seconds old.
func atWork(seconds float64) page.RackData {
	all := webtest.Steps()
	d := page.RackData{Rack: webtest.Rack("demo"), Steps: webtest.Until(all, seconds), Now: *webtest.At(seconds)}
	for i := range d.Rack.Nodes {
		d.Rack.Nodes[i].State = inventory.Configuring
	}
	p := progress.Of(d.Rack, run(inventory.RunActive, 0), d.Steps, progress.Expected(all), d.Now)
	d.Progress = &p
	return d
}

func failed() page.RackData {
	d := atWork(20)
	s := &d.Steps[4]
	s.State, s.EndedAt = inventory.StepFailed, webtest.At(20)
	s.Reason = "keystone-manage ended with status 1: the database <does not> answer; look at mariadb.service, then resume"
	p := progress.Of(d.Rack, run(inventory.RunFailed, 20), d.Steps, nil, *webtest.At(90))
	d.Progress = &p
	return d
}

func newcomer() page.RackData {
	d := page.RackData{Rack: webtest.Rack("demo"), Now: webtest.T0}
	d.Rack.Nodes = append(d.Rack.Nodes, inventory.Node{Name: "node-525400770009", State: inventory.Inspected, Since: webtest.T0,
		NICs:     []inventory.NIC{{Network: inventory.Provisioning, MAC: "52:54:00:77:00:09"}},
		Hardware: &inventory.Hardware{Product: "Virtual server", CPU: "EPYC", Cores: 8, MemoryMB: 32768, BootMode: "bios", Disks: []inventory.DiskInfo{{Name: "/dev/vda", Serial: "S1", Bytes: 20e9, Contents: []string{"gpt", "ext4 root"}}, {Name: "/dev/vdb", Bytes: 4e12}}, NICs: []inventory.NICInfo{{Name: "eth0", MAC: "52:54:00:77:00:09", Link: true, Mbps: 10000}}}})
	return d
}

func TestRackPage(t *testing.T) {
	choose := func(d page.RackData, tab string, nodes ...string) page.RackData {
		d.Selected, d.Tab = nodes, tab
		return d
	}
	silent := choose(atWork(20), "bmc", "compute-1")
	silent.Power = map[string]page.Power{"compute-1": {State: "on", Seen: webtest.T0, Reason: "no answer from 10.77.1.13"}, "network-1": {State: "on"}, "controller-1": {State: "off"}}
	console := choose(atWork(20), "console", "compute-1")
	console.Console = "SeaBIOS (version 1.16.2)\ncompute-1 <login>:\n"
	history := choose(atWork(20), "history", "compute-1")
	history.History = []inventory.Event{{ID: 7, Time: webtest.T0, Type: inventory.EventPower, Text: "compute-1 is on"}}
	held := choose(atWork(20), "now", "compute-1")
	for i := range held.Rack.Nodes {
		if n := &held.Rack.Nodes[i]; n.Name == "compute-1" {
			n.HandsOff, n.HandsOffBy, n.HandsOffWhy = webtest.At(10), "ada", "a <fan> is being changed"
		}
	}
	for name, d := range map[string]page.RackData{
		"rack-held":     held,
		"rack-empty":    {Rack: inventory.Rack{Name: "demo"}, Now: webtest.T0},
		"rack-new":      choose(newcomer(), "facts", "node-525400770009"),
		"rack-active":   choose(atWork(20), "now", "controller-1"),
		"rack-failed":   failed(),
		"rack-bmc":      silent,
		"rack-history":  history,
		"rack-console":  console,
		"rack-several":  choose(atWork(20), "", "controller-1", "compute-1"),
		"rack-filtered": {Rack: webtest.Rack("demo"), Filter: "compute", Now: webtest.T0},
	} {
		t.Run(name, func(t *testing.T) {
			f := page.Frame{URL: "/racks/demo", Title: page.Both("demo"), Section: "rack", Rack: "demo", Racks: []string{"demo", "other"}, Who: "ann", Role: "operator", Status: page.StatusOf(d.Progress)}
			golden(t, name, "rack", f, page.RackPage(d))
		})
	}
}

func TestViewerSeesNoButtons(t *testing.T) {
	var b bytes.Buffer
	d := newcomer()
	d.Selected, d.Tab = []string{"controller-1"}, "bmc"
	if err := page.Render(&b, "rack", page.Frame{Lang: page.EN, Rack: "demo", Who: "eve", Role: "viewer"}, page.RackPage(d)); err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(b.Bytes(), []byte(`method="post" action="/racks`)) {
		t.Errorf("a viewer is offered an action:\n%s", b.String())
	}
}

func TestLangOf(t *testing.T) {
	for _, c := range []struct {
		chosen, header string
		want           page.Lang
	}{{"", "", page.EN}, {"", "ja,en;q=0.5", page.JA}, {"", "de-DE,ja;q=0.8,en;q=0.2", page.JA}, {"en", "ja", page.EN}, {"ja", "en", page.JA}, {"xx", "fr", page.EN}, {"", "::", page.EN}} {
		if got := page.LangOf(c.chosen, c.header); got != c.want {
			t.Errorf("LangOf(%q, %q) = %s, want %s", c.chosen, c.header, got, c.want)
		}
	}
}
