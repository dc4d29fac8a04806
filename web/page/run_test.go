package page_test

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"sandai/inventory"
	"sandai/web/page"
	"sandai/web/progress"
	"sandai/web/webtest"
)

// guideText is what a guide says of each step.
func guideText(key string) inventory.StepText {
	return inventory.StepText{Title: inventory.Text{EN: "Title", JA: key + " の題"}, Why: inventory.Text{EN: "Why", JA: "理由"}, Chapter: inventory.Text{EN: "Identity service", JA: "認証サービス"},
		Source: "OpenStack Installation Guide 2025.1, Keystone", Link: "https://docs.openstack.org/keystone/2025.1/install/keystone-install-ubuntu.html"}
}

func runData(d page.RackData, state inventory.RunState, ended float64, step int) page.RunData {
	r := page.RunData{Rack: d.Rack, Run: run(state, ended), Steps: d.Steps, Now: *webtest.At(20), Texts: guideText, Latest: true, Steer: true}
	r.Run.Kind, r.Run.PlanHash = inventory.RunInstall, "5a9d41aafe03c1d2"
	if step >= 0 {
		r.Step = &r.Steps[step]
		r.Asked.Step = r.Step.Key
	}
	return r
}

func TestRunPage(t *testing.T) {
	all := webtest.Steps()
	active := runData(atWork(20), inventory.RunActive, 0, 4)
	active.Expected = progress.Expected(all)
	first := runData(atWork(20), inventory.RunActive, 0, -1)
	bad := runData(failed(), inventory.RunFailed, 20, 4)
	bad.Run.Reason, bad.Why = "controller-1/identity/keystone.sync: it failed", "typed <before>"
	done := runData(page.RackData{Rack: webtest.Rack("demo"), Steps: all}, inventory.RunDone, 80, 3)
	done.Step.Changed, done.Step.Diff = true, "--- a\n+++ b\n@@ -1 +1 @@\n-old\n+new <b>\n same\n"
	one := runData(page.RackData{Rack: webtest.Rack("demo"), Steps: webtest.Steps()}, inventory.RunDone, 80, -1)
	one.Asked = page.RunQuery{Node: "controller-1", State: "done", Text: "keystone", Zoom: 4}
	for name, d := range map[string]page.RunData{"run-active": active, "run-first": first, "run-failed": bad, "run-done": done, "run-node": one} {
		t.Run(name, func(t *testing.T) {
			golden(t, name, "run", page.Frame{URL: "/racks/demo/runs/2", Title: page.Both("Run 2"), Section: "runs", Rack: "demo", Racks: []string{"demo"}, Who: "ann", Role: "operator"}, page.RunPage(d))
		})
	}
	runs := page.RunsData{Rack: "demo", Runs: []inventory.Run{active.Run, bad.Run, done.Run}, Now: *webtest.At(20)}
	for i := range runs.Runs {
		runs.Runs[i].ID = uint(i + 1)
	}
	runs.Counts = map[uint]inventory.StepCount{1: {Done: 4, Total: 8}, 3: {Done: 8, Total: 8}}
	golden(t, "runs", "runs", page.Frame{URL: "/racks/demo/runs", Section: "runs", Rack: "demo", Who: "ann", Role: "viewer"}, page.RunsPage(runs))
	golden(t, "runs-none", "runs", page.Frame{URL: "/racks/demo/runs", Section: "runs", Rack: "demo"}, page.RunsPage(page.RunsData{Rack: "demo"}))
}

// TestBlocksAreNamed: who cannot see the drawing hears node, what, state and time.
func TestBlocksAreNamed(t *testing.T) {
	d := runData(page.RackData{Rack: webtest.Rack("demo"), Steps: webtest.Steps()}, inventory.RunDone, 80, -1)
	var b bytes.Buffer
	if err := page.Render(&b, "run", page.Frame{Lang: page.EN, Rack: "demo"}, page.RunPage(d)); err != nil {
		t.Fatal(err)
	}
	if want := `aria-label="controller-1, identity, done, 1 min 1 s"`; !strings.Contains(b.String(), want) {
		t.Errorf("no %s", want)
	}
	if strings.Contains(b.String(), "style=") {
		t.Error("a style attribute, which the content security policy forbids")
	}
}

// TestDrawingStaysWithin: whatever a run's times are, nothing is drawn outside of
// the drawing or of its block.
func TestDrawingStaysWithin(t *testing.T) {
	place := regexp.MustCompile(`x="([-0-9.]+)%" (?:y="[0-9]+" )?width="([-0-9.]+)%"|width="([-0-9.]+)%"`)
	for now := 1.0; now < 90; now += 7 {
		for _, expected := range []map[string]float64{nil, progress.Expected(webtest.Steps())} {
			d := runData(page.RackData{Rack: webtest.Rack("demo"), Steps: webtest.Until(webtest.Steps(), now)}, inventory.RunActive, 0, -1)
			d.Now, d.Expected = *webtest.At(now), expected
			var b bytes.Buffer
			if err := page.Render(&b, "run", page.Frame{Lang: page.EN, Rack: "demo"}, page.RunPage(d)); err != nil {
				t.Fatal(err)
			}
			for _, m := range place.FindAllStringSubmatch(b.String(), -1) {
				x, _ := strconv.ParseFloat(m[1], 64)
				w, _ := strconv.ParseFloat(m[2], 64)
				if x < 0 || w < 0 || x+w > 100.02 {
					t.Errorf("at %v s: %s", now, m[0])
				}
			}
		}
	}
}

// TestManySteps: a rack of many servers is drawn in part, and says so.
func TestManySteps(t *testing.T) {
	d := runData(page.RackData{Rack: webtest.Rack("demo")}, inventory.RunDone, 80, -1)
	d.Rack.Nodes = nil
	for i := range 200 {
		n := fmt.Sprintf("compute-%d", i)
		d.Rack.Nodes = append(d.Rack.Nodes, inventory.Node{Name: n, Role: inventory.Compute})
		for j := range 5 {
			d.Steps = append(d.Steps, inventory.Step{Key: fmt.Sprintf("%s/compute/s%d", n, j), Node: n, Chapter: "compute", State: inventory.StepDone, StartedAt: webtest.At(float64(j)), EndedAt: webtest.At(float64(j + 1))})
		}
	}
	d.Asked.Node = "compute-150"
	v := page.RunPage(d)
	if v.Draw.Hidden != 150 || len(v.Draw.Lanes) != 50 || v.Draw.Lanes[49].Name != "compute-150" || len(v.Rows) != 5 || v.Left != 995 {
		t.Errorf("%d lanes, %d hidden, %d rows, %d left out", len(v.Draw.Lanes), v.Draw.Hidden, len(v.Rows), v.Left)
	}
	d.Asked.Node = ""
	if v := page.RunPage(d); len(v.Rows) != 400 || v.Hidden != 600 {
		t.Errorf("%d rows, %d hidden", len(v.Rows), v.Hidden)
	}
}

// TestInHand: a run's page opens what needs a look.
func TestInHand(t *testing.T) {
	steps := webtest.Until(webtest.Steps(), 20)
	active := inventory.Run{State: inventory.RunActive}
	if k := page.InHand(active, steps); k != "controller-1/identity/keystone.sync" {
		t.Errorf("at work: %q", k)
	}
	steps[1].State = inventory.StepFailed
	if k := page.InHand(inventory.Run{State: inventory.RunFailed}, steps); k != steps[1].Key {
		t.Errorf("failed: %q", k)
	}
	if k := page.InHand(inventory.Run{State: inventory.RunDone}, webtest.Steps()); k != "" {
		t.Errorf("done: %q", k)
	}
}

// TestStepButtonsSayWhy: a button that cannot be pressed says why.
func TestStepButtonsSayWhy(t *testing.T) {
	for name, c := range map[string]struct {
		state       inventory.StepState
		latest      bool
		retry, skip string
	}{
		"failed":  {inventory.StepFailed, true, "", ""},
		"running": {inventory.StepRunning, true, "only a failed step can be tried again", "only a failed step or one to come can be left out"},
		"pending": {inventory.StepPending, true, "only a failed step can be tried again", ""},
		"old":     {inventory.StepFailed, false, "a later run has taken this one's place", "a later run has taken this one's place"},
	} {
		t.Run(name, func(t *testing.T) {
			d := runData(failed(), inventory.RunFailed, 20, 4)
			d.Step.State, d.Latest = c.state, c.latest
			s := page.RunPage(d).Step
			if s.Retry.EN != c.retry || s.Skip.EN != c.skip {
				t.Errorf("%q, %q", s.Retry.EN, s.Skip.EN)
			}
		})
	}
}
