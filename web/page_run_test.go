package web

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"sandai/inventory"
	"sandai/web/webtest"
)

func steering(m *webtest.Memory, role inventory.UserRole) http.Handler {
	return m.As(role, NewAPI(Config{Racks: m, Runs: m, Events: m, Installer: m, Power: m, Access: m, Control: m}))
}

func TestRunPages(t *testing.T) {
	m := webtest.New()
	m.AddRack(webtest.Rack("demo"))
	m.AddRack(webtest.Rack("other"))
	steps := webtest.Until(webtest.Steps(), 20)
	id := m.AddRun(inventory.Run{RackID: 1, Rack: "demo", Kind: inventory.RunInstall, State: inventory.RunActive, Created: webtest.T0, Attempt: 1}, steps)
	h := steering(m, inventory.Operator)
	for path, want := range map[string]string{
		"/racks/demo/runs":   "/racks/demo/runs/1",
		"/racks/demo/runs/1": "controller-1/identity/keystone.sync",
		"/racks/demo/runs/1?step=" + url.QueryEscape("controller-1/power/power"): "output of controller-1/power/power",
		"/racks/demo/runs/1?node=compute-1&state=pending":                        "compute-1/compute/nova.conf",
	} {
		if w := browse(h, "GET", path, nil); w.Code != 200 || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %d, without %q", path, w.Code, want)
		}
	}
	for _, path := range []string{"/racks/demo/runs/7", "/racks/demo/runs/x", "/racks/other/runs/1", "/racks/x/runs", "/racks/demo/runs/1?step=nothing"} {
		if w := browse(h, "GET", path, nil); w.Code != 404 {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	const key = "controller-1/identity/keystone.sync"
	m.SetStep(id, key, func(s *inventory.Step) { s.State, s.Reason = inventory.StepFailed, "it broke" })
	if w := browse(h, "POST", "/racks/demo/runs/1/skip", url.Values{"step": {key}}); w.Code != 422 || !strings.Contains(w.Body.String(), "reason") {
		t.Errorf("skip without a reason: %d", w.Code)
	}
	if w := browse(h, "POST", "/racks/demo/runs/1/retry", url.Values{"step": {key}}); w.Code != 303 || !strings.HasPrefix(w.Header().Get("Location"), "/racks/demo/runs/1?step=") {
		t.Errorf("retry: %d %s", w.Code, w.Body)
	}
	if s, err := m.Step(t.Context(), id, key); err != nil || s.State == inventory.StepFailed {
		t.Errorf("after the retry: %v %v", s.State, err)
	}
	if w := browse(h, "POST", "/racks/demo/stop", url.Values{"reason": {"lunch"}}); w.Code != 303 {
		t.Errorf("stop: %d %s", w.Code, w.Body)
	}
	if r, _ := m.Run(t.Context(), id); r.StopAt == nil || r.StopWhy != "lunch" {
		t.Errorf("after the stop: %+v", r)
	}
	if w := browse(steering(m, inventory.Viewer), "POST", "/racks/demo/stop", url.Values{}); w.Code != 403 {
		t.Errorf("a viewer stops: %d", w.Code)
	}
}

// guideTexts is a guide that knows every step.
type guideTexts struct{}

func (guideTexts) StepText(string) inventory.StepText {
	return inventory.StepText{Title: inventory.Text{EN: "A title", JA: "題名"}, Why: inventory.Text{EN: "A reason", JA: "存在する理由"}, Source: "The guide", Link: "https://docs.openstack.org/x"}
}

func TestRunPageTexts(t *testing.T) {
	m := webtest.New()
	m.AddRack(webtest.Rack("demo"))
	m.AddRun(inventory.Run{RackID: 1, Rack: "demo", State: inventory.RunDone, Created: webtest.T0, Ended: webtest.At(80), Attempt: 1}, webtest.Steps())
	m.AddRun(inventory.Run{RackID: 1, Rack: "demo", State: inventory.RunActive, Created: webtest.T0, Attempt: 1}, webtest.Until(webtest.Steps(), 20))
	h := m.As(inventory.Operator, NewAPI(Config{Racks: m, Runs: m, Events: m, Installer: m, Power: m, Access: m, Guide: guideTexts{}}))
	// The step in hand is open by itself, and knows how long it took the last time.
	w := browse(h, "GET", "/racks/demo/runs/2", nil, "Accept-Language", "ja")
	for _, want := range []string{"題名", "存在する理由", "https://docs.openstack.org/x", "~1:00"} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("without %q", want)
		}
	}
	if w := browse(h, "GET", "/racks/demo/runs", nil); !strings.Contains(w.Body.String(), "4 / 8") || !strings.Contains(w.Body.String(), "8 / 8") {
		t.Errorf("the runs' counts: %s", w.Body)
	}
	// Without a Control nothing can be steered, and the page says so.
	if w := browse(h, "POST", "/racks/demo/stop", url.Values{}); w.Code != 503 || !strings.Contains(w.Body.String(), "cannot steer runs") {
		t.Errorf("stop: %d", w.Code)
	}
	if w := browse(h, "POST", "/racks/demo/runs/2/retry", url.Values{"step": {"controller-1/power/power"}}); w.Code != 503 {
		t.Errorf("retry: %d", w.Code)
	}
}

// TestExpectedOfTheSameKind: a proof is no measure for an install.
func TestExpectedOfTheSameKind(t *testing.T) {
	m := webtest.New()
	m.AddRack(webtest.Rack("demo"))
	add := func(k inventory.RunKind, st inventory.RunState, steps []inventory.Step) {
		m.AddRun(inventory.Run{RackID: 1, Rack: "demo", Kind: k, State: st, Created: webtest.T0, Attempt: 1}, steps)
	}
	add(inventory.RunInstall, inventory.RunDone, webtest.Steps())
	add(inventory.RunProof, inventory.RunDone, webtest.Steps()[7:])
	add(inventory.RunInstall, inventory.RunActive, webtest.Until(webtest.Steps(), 20))
	s := &server{Config: Config{Racks: m, Runs: m}}
	run, err := m.Run(t.Context(), 3)
	if err != nil {
		t.Fatal(err)
	}
	if e, err := s.expected(t.Context(), run.RackID, run.ID); err != nil || len(e) != len(webtest.Steps()) {
		t.Errorf("%v, %v", e, err)
	}
}

func TestReportFile(t *testing.T) {
	m := webtest.New()
	m.AddRack(webtest.Rack("demo"))
	m.AddRack(webtest.Rack("other"))
	m.AddRun(inventory.Run{RackID: 1, Rack: "demo", State: inventory.RunDone, Created: webtest.T0, Ended: webtest.At(80), Attempt: 1}, webtest.Steps())
	m.AddRun(inventory.Run{RackID: 1, Rack: "demo", State: inventory.RunActive, Created: webtest.T0, Attempt: 1}, nil)
	h := pagesFor(m, inventory.Viewer)
	w := browse(h, "GET", "/racks/demo/runs/1/report.json", nil)
	var r inventory.Report
	if err := json.Unmarshal(w.Body.Bytes(), &r); w.Code != 200 || err != nil || r.Run.ID != 1 || r.TotalSeconds != 80 || len(r.Proof) != 1 {
		t.Errorf("%d, %v: %s", w.Code, err, w.Body)
	}
	if d := w.Header().Get("Content-Disposition"); d != "attachment; filename=report-demo-1.json" {
		t.Errorf("Content-Disposition: %s", d)
	}
	for _, path := range []string{"/racks/demo/runs/9/report.json", "/racks/other/runs/1/report.json", "/racks/x/runs/1/report.json"} {
		if w := browse(h, "GET", path, nil); w.Code != 404 {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}
