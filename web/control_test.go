package web_test

import (
	"strings"
	"testing"

	"sandai/inventory"
	"sandai/web/webtest"
)

// steering is an inventory with a rack whose run failed at a step.
func steering() *webtest.Memory {
	m := webtest.New()
	m.AddRack(webtest.Rack("demo"))
	steps := webtest.Until(webtest.Steps(), 60)
	for i := range steps {
		if steps[i].State == inventory.StepRunning {
			steps[i].State, steps[i].Reason = inventory.StepFailed, "exit status 1"
		}
	}
	m.AddRun(inventory.Run{RackID: 1, Rack: "demo", State: inventory.RunFailed, Created: webtest.T0, Attempt: 1}, steps)
	return m
}

func TestControl(t *testing.T) {
	const failed = "controller-1/identity/keystone.sync"
	for name, tt := range map[string]struct {
		method, path, body string
		status             int
		holds              string
	}{
		"retry":             {"POST", "/runs/1/retry", `{"key":"` + failed + `"}`, 200, `"state":"active"`},
		"retry what is not": {"POST", "/runs/1/retry", `{"key":"rack/proof/ping"}`, 409, `only a failed step`},
		"retry of no step":  {"POST", "/runs/1/retry", `{"key":"x"}`, 404, `has no step x`},
		"retry of no run":   {"POST", "/runs/9/retry", `{"key":""}`, 422, `"code":"invalid"`},
		"skip":              {"POST", "/runs/1/skip", `{"key":"` + failed + `","reason":"done by hand"}`, 200, `"state":"active"`},
		"skip pending":      {"POST", "/runs/1/skip", `{"key":"rack/proof/ping","reason":"no outside here"}`, 200, `"state":"failed"`},
		"skip without why":  {"POST", "/runs/1/skip", `{"key":"` + failed + `","reason":" "}`, 422, `say why`},
		"skip a phase":      {"POST", "/runs/1/skip", `{"key":"controller-1/power/power","reason":"x"}`, 422, `cannot be skipped`},
		"stop without run":  {"POST", "/racks/demo/stop", `{}`, 409, `no run of rack demo is active`},
		"keep going":        {"POST", "/racks/demo/keep-going", ``, 409, `no run of rack demo is active`},
		"inspect":           {"POST", "/racks/demo/inspect", `{"nodes":["compute-1"]}`, 200, `"kind":"inspect"`},
		"inspect no rack":   {"POST", "/racks/x/inspect", `{}`, 404, `there is no rack x`},
		"preview":           {"GET", "/racks/demo/preview", "", 200, `"fate":"erased"`},
		"proof too early":   {"POST", "/racks/demo/proof", "", 409, `is not installed`},
		"fits":              {"GET", "/nodes/compute-1/fits", "", 200, `"role":"network"`},
		"role":              {"POST", "/nodes/compute-1/role", `{"role":"compute","name":"compute-7"}`, 200, `"name":"compute-7"`},
		"role of no node":   {"POST", "/nodes/x/role", `{"role":"compute"}`, 404, `there is no node x`},
		"check too early":   {"POST", "/racks/demo/check", "", 409, `is not installed`},
		"apply too early":   {"POST", "/racks/demo/apply", `{}`, 409, `is not installed`},
		"reinstall shown":   {"GET", "/nodes/compute-1/reinstall", "", 200, `"fate":"rebuilt"`},
		"reinstall nobody":  {"GET", "/nodes/x/reinstall", "", 404, `there is no node x`},
		"reinstall unseen":  {"POST", "/nodes/compute-1/reinstall", `{"confirm":"compute-1","preview_hash":"x"}`, 409, `has changed since it was shown`},
		"hands off":         {"POST", "/nodes/compute-1/hands-off", `{"why":"smoke"}`, 200, `"hands_off_why":"smoke"`},
		"hands off nobody":  {"POST", "/nodes/x/hands-off", `{}`, 404, `there is no node x`},
		"rescue, a slip":    {"POST", "/nodes/compute-1/rescue", `{"confirm":"compute-2"}`, 422, `cuts the power of compute-1`},
		"rescue nobody":     {"POST", "/nodes/x/rescue", `{"confirm":"x"}`, 404, `there is no node x`},
		"end rescue":        {"POST", "/nodes/compute-1/end-rescue", "", 200, `"name":"compute-1"`},
		"let go":            {"POST", "/nodes/compute-1/let-go", "", 200, `"name":"compute-1"`},
		"role, odd field":   {"POST", "/nodes/compute-1/role", `{"rôle":"compute"}`, 422, `"code":"invalid"`},
	} {
		t.Run(name, func(t *testing.T) {
			got := call(t, tt.method, serve(t, steering())+"/api/v1"+tt.path, tt.body)
			if got.status != tt.status || !strings.Contains(got.body, tt.holds) {
				t.Errorf("got %d %s, want %d with %s", got.status, got.body, tt.status, tt.holds)
			}
		})
	}
}

// TestStop: a stop is shown until it takes hold, and can be withdrawn until then.
func TestStop(t *testing.T) {
	m := webtest.New()
	m.AddRack(webtest.Rack("demo"))
	m.AddRun(inventory.Run{RackID: 1, Rack: "demo", State: inventory.RunActive, Created: webtest.T0, Attempt: 1}, webtest.Until(webtest.Steps(), 20))
	base := serve(t, m) + "/api/v1/racks/demo"
	if got := call(t, "POST", base+"/stop", `{"reason":"lunch"}`); !strings.Contains(got.body, `"stop_why":"lunch"`) || !strings.Contains(got.body, `"stop_by":"`) || !strings.Contains(got.body, `"state":"active"`) {
		t.Errorf("stop: %v", got)
	}
	if got := call(t, "POST", base+"/keep-going", ""); got.status != 200 || strings.Contains(got.body, "stop_at") {
		t.Errorf("keep going: %v", got)
	}
}
