package web

import (
	"bytes"
	"flag"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sandai/inventory"
	"sandai/web/webtest"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func expected(steps []inventory.Step) map[string]float64 {
	out := map[string]float64{}
	for _, s := range steps {
		out[s.Key] = s.EndedAt.Sub(*s.StartedAt).Seconds()
	}
	return out
}

func run(state inventory.RunState, ended float64) inventory.Run {
	r := inventory.Run{ID: 2, RackID: 1, Rack: "demo", State: state, Created: webtest.T0, Attempt: 1}
	if state != inventory.RunActive {
		r.Ended = webtest.At(ended)
	}
	return r
}

func failedSteps() []inventory.Step {
	steps := webtest.Until(webtest.Steps(), 20)
	s := &steps[4]
	s.State, s.EndedAt = inventory.StepFailed, webtest.At(20)
	s.Reason = "keystone-manage ended with status 1: the database does not answer; look at mariadb.service, then resume"
	s.Command, s.Stdout, s.Stderr = "keystone-manage db_sync", "", "OperationalError: <refused>\n"
	return steps
}

func TestPage(t *testing.T) {
	rack := webtest.Rack("demo")
	all := webtest.Steps()
	for i := range rack.Nodes {
		rack.Nodes[i].State = inventory.Configuring
	}
	active := progressOf(rack, run(inventory.RunActive, 0), webtest.Until(all, 20), expected(all), *webtest.At(20))
	failed := progressOf(rack, run(inventory.RunFailed, 20), failedSteps(), nil, *webtest.At(90))
	failed.Run.Reason = "controller-1/identity/keystone.sync: it failed"
	done := progressOf(rack, run(inventory.RunDone, 80), all, nil, *webtest.At(90))
	rep := inventory.Report{Rack: "demo", Run: done.Run, TotalSeconds: 80, Cloud: webtest.Cloud,
		Proof:  []inventory.ProofResult{{Check: "The server answers ping", State: inventory.StepDone, Summary: "5 of 5, 2.1 ms"}},
		Phases: []inventory.PhaseTime{{Node: "", Phase: "proof", State: inventory.StepDone, Seconds: 15}, {Node: "controller-1", Phase: "power", State: inventory.StepDone, Seconds: 1.2}, {Node: "compute-1", Phase: "power", State: inventory.StepRunning}}}
	for name, v := range map[string]view{
		"empty":     {Refresh: 5},
		"broken":    {Refresh: 5, Problem: "the disk is full"},
		"new":       pageView([]string{"demo", "second"}, webtest.Rack("demo"), nil, nil, webtest.T0),
		"active":    pageView([]string{"demo"}, rack, &active, nil, *webtest.At(20)),
		"failed":    pageView([]string{"demo"}, rack, &failed, nil, *webtest.At(90)),
		"installed": pageView([]string{"demo"}, rack, &done, &rep, *webtest.At(90)),
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			if err := pageTemplate.Execute(&b, v); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join("testdata", name+".html")
			if *update {
				if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), b.String()); d != "" {
				t.Errorf("(-want +got), -update rewrites it:\n%s", d)
			}
		})
	}
}

// TestPageServed: the page as a browser gets it, and its style sheet.
func TestPageServed(t *testing.T) {
	m := webtest.New()
	h := m.As(inventory.Viewer, NewAPI(Config{Racks: m, Runs: m, Events: m, Installer: m, Power: m, Access: m}))
	get := func(path string) (int, string, string) {
		r := httptest.NewRequest("GET", "http://127.0.0.1:8080"+path, nil)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code, w.Header().Get("Content-Type"), w.Body.String()
	}
	if code, ct, body := get("/"); code != 200 || !strings.HasPrefix(ct, "text/html") || !strings.Contains(body, "rack.yaml") {
		t.Errorf("no rack: %d %s %s", code, ct, body)
	}
	if code, ct, _ := get("/page.css"); code != 200 || !strings.HasPrefix(ct, "text/css") {
		t.Errorf("page.css: %d %s", code, ct)
	}
	m.AddRack(webtest.Rack("demo"))
	if code, _, body := get("/"); code != 200 || !strings.Contains(body, "not installed") {
		t.Errorf("a new rack: %d %s", code, body)
	}
	m.AddRun(run(inventory.RunActive, 0), webtest.Until(webtest.Steps(), 20))
	if code, _, body := get("/?rack=demo"); code != 200 || !strings.Contains(body, "waits for controller-1/identity/keystone.sync") {
		t.Errorf("an active run: %d %s", code, body)
	}
	if code, _, body := get("/?rack=x"); code != 404 || !strings.Contains(body, "there is no rack x") {
		t.Errorf("no such rack: %d %s", code, body)
	}
	m.Break(inventory.Errorf(inventory.Unavailable, "the disk is full"))
	if code, _, body := get("/"); code != 503 || !strings.Contains(body, "the disk is full") {
		t.Errorf("broken: %d %s", code, body)
	}
}

func TestProgress(t *testing.T) {
	rack := webtest.Rack("demo")
	all := webtest.Steps()
	for name, tt := range map[string]struct {
		at        float64
		done      int
		remaining float64
		waiting   map[string]string
		now       map[string]string
	}{
		"start": {0.5, 0, 1.2 - 0.5 + 1.2 + 60 + 0.6 + 15, map[string]string{"": "compute-1/compute/nova.conf"},
			map[string]string{"controller-1": "controller-1/power/power", "network-1": "network-1/power/power", "compute-1": "compute-1/power/power"}},
		"in the middle": {33.2, 4, 30 + 0.6 + 15,
			map[string]string{"compute-1": "controller-1/identity/keystone.sync", "network-1": "controller-1/identity/keystone.sync", "": "compute-1/compute/nova.conf"},
			map[string]string{"controller-1": "controller-1/identity/keystone.sync"}},
		"longer than last time": {79, 7, 1, map[string]string{}, map[string]string{"": "rack/proof/ping"}},
		"end":                   {80, 8, 0, map[string]string{}, map[string]string{}},
	} {
		t.Run(name, func(t *testing.T) {
			p := progressOf(rack, run(inventory.RunActive, 0), webtest.Until(all, tt.at), expected(all), *webtest.At(tt.at))
			waiting, now := map[string]string{}, map[string]string{}
			for _, n := range p.Nodes {
				if n.Waiting != "" {
					waiting[n.Node] = n.Waiting
				}
				if len(n.Now) > 0 {
					now[n.Node] = n.Now[0].Key
				}
			}
			if p.Done != tt.done || p.Total != 8 {
				t.Errorf("got %d of %d, want %d of 8", p.Done, p.Total, tt.done)
			}
			if d := cmp.Diff(tt.waiting, waiting); d != "" {
				t.Error("waiting: " + d)
			}
			if d := cmp.Diff(tt.now, now); d != "" {
				t.Error("now: " + d)
			}
			if d := *p.Remaining - tt.remaining; d > 0.01 || d < -0.01 {
				t.Errorf("remaining %.2f s, want %.2f s", *p.Remaining, tt.remaining)
			}
		})
	}
	if p := progressOf(rack, run(inventory.RunActive, 0), webtest.Until(all, 20), nil, *webtest.At(20)); p.Remaining != nil || !strings.Contains(StatusLine(p), "first run") {
		t.Errorf("a first run has an estimate: %s", StatusLine(p))
	}
}
