package web

import (
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
