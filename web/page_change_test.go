package web

import (
	"context"
	"net/url"
	"strings"
	"testing"

	"sandai/inventory"
	"sandai/web/webtest"
)

// TestReinstallPage: nothing starts without the node's name and the hash of what
// was shown; a viewer may look.
func TestReinstallPage(t *testing.T) {
	m := provedRack()
	v, err := m.ReinstallPreview(t.Context(), "demo", "compute-1")
	if err != nil {
		t.Fatal(err)
	}
	const path = "/racks/demo/nodes/compute-1/reinstall"
	for _, c := range []struct {
		name, method string
		role         inventory.UserRole
		form         url.Values
		status       int
		holds        string
	}{
		{"viewer looks", "GET", inventory.Viewer, nil, 200, "wants the role operator"},
		{"operator looks", "GET", inventory.Operator, nil, 200, "made anew from its image"},
		{"viewer asks", "POST", inventory.Viewer, url.Values{"name": {"compute-1"}, "hash": {v.Hash}}, 403, "wants the role operator"},
		{"another name", "POST", inventory.Operator, url.Values{"name": {"demo"}, "hash": {v.Hash}}, 422, `id="wrong"`},
		{"another hash", "POST", inventory.Operator, url.Values{"name": {"compute-1"}, "hash": {"old"}}, 409, "no longer as it was shown"},
		{"both right", "POST", inventory.Operator, url.Values{"name": {"compute-1"}, "hash": {v.Hash}}, 303, ""},
		{"a run is under way", "POST", inventory.Operator, url.Values{"name": {"compute-1"}, "hash": {v.Hash}}, 409, "is not installed"},
	} {
		w := browse(pagesFor(m, c.role), c.method, path, c.form)
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.holds) {
			t.Errorf("%s: %d, want %d with %q:\n%.3000s", c.name, w.Code, c.status, c.holds, w.Body)
		}
	}
	if w := browse(pagesFor(m, inventory.Operator), "GET", "/racks/demo/nodes/nobody/reinstall", nil); w.Code != 404 {
		t.Errorf("the reinstall of nobody: %d", w.Code)
	}
}

// TestReleasePage: how a node is released is chosen, shown, and confirmed as shown.
func TestReleasePage(t *testing.T) {
	m := provedRack()
	const path = "/racks/demo/nodes/compute-1/release"
	full := inventory.ReleaseOptions{Remove: true, Full: true}
	v, err := m.ReleasePreview(t.Context(), "demo", "compute-1", full)
	if err != nil {
		t.Fatal(err)
	}
	right := url.Values{"name": {"compute-1"}, "hash": {v.Hash}, "after": {"gone"}, "wipe": {"full"}}
	for _, c := range []struct {
		name, method, path string
		role               inventory.UserRole
		form               url.Values
		status             int
		holds              string
	}{
		{"viewer looks", "GET", path, inventory.Viewer, nil, 200, "wants the role operator"},
		{"quick", "GET", path, inventory.Operator, nil, 200, "marks its contents are erased"},
		{"full and gone", "GET", path + "?after=gone&wipe=full", inventory.Operator, nil, 200, `value="` + v.Hash + `"><input type="hidden" name="after" value="gone"><input type="hidden" name="wipe" value="full">`},
		{"dead", "GET", path + "?wipe=none", inventory.Operator, nil, 200, "nothing is sent to a machine that is dead"},
		{"viewer asks", "POST", path, inventory.Viewer, right, 403, "wants the role operator"},
		{"shown was another", "POST", path, inventory.Operator, url.Values{"name": {"compute-1"}, "hash": {v.Hash}}, 409, "no longer as it was shown"},
		{"another name", "POST", path, inventory.Operator, url.Values{"name": {"demo"}, "hash": {v.Hash}}, 422, `id="wrong"`},
		{"right", "POST", path, inventory.Operator, right, 303, ""},
	} {
		w := browse(pagesFor(m, c.role), c.method, c.path, c.form)
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.holds) {
			t.Errorf("%s: %d, want %d with %q:\n%.3000s", c.name, w.Code, c.status, c.holds, w.Body)
		}
	}
}

// slowControl does not say what a reinstall would do until it may.
type slowControl struct {
	*webtest.Memory
	may chan struct{}
}

func (s slowControl) ReinstallPreview(ctx context.Context, rack, node string) (inventory.Preview, error) {
	<-s.may
	return s.Memory.ReinstallPreview(ctx, rack, node)
}

// TestReinstallPageWaits: a cloud that takes its time is no reason for an empty
// window: the page says what it waits for, and is whole when the answer is there.
func TestReinstallPageWaits(t *testing.T) {
	m := provedRack()
	slow := slowControl{m, make(chan struct{})}
	h := m.As(inventory.Operator, NewAPI(Config{Racks: m, Runs: m, Events: m, Installer: m, Power: m, Access: m, Cloud: m, Calls: m, Sensors: m, Control: slow, Images: m, Interfaces: m, Wires: m}))
	const path = "/racks/demo/nodes/compute-1/reinstall"
	if w := browse(h, "GET", path, nil); w.Code != 200 || !strings.Contains(w.Body.String(), "The cloud is asked what runs on it") || strings.Contains(w.Body.String(), "confirm-form") {
		t.Errorf("while it is asked: %d\n%.3000s", w.Code, w.Body)
	}
	close(slow.may)
	for { // the answer rings the page's bell; here the page is asked for again
		w := browse(h, "GET", path, nil)
		if strings.Contains(w.Body.String(), "confirm-form") && strings.Contains(w.Body.String(), "made anew from its image") {
			return
		}
		if t.Context().Err() != nil || w.Code != 200 {
			t.Fatalf("afterwards: %d\n%.3000s", w.Code, w.Body)
		}
	}
}

// TestCheckAndApplyPage: the check leads to what differs, from where it is applied.
func TestCheckAndApplyPage(t *testing.T) {
	m := provedRack()
	h := pagesFor(m, inventory.Operator)
	if w := browse(pagesFor(m, inventory.Viewer), "POST", "/racks/demo/check", nil); w.Code != 403 {
		t.Errorf("a viewer's check: %d", w.Code)
	}
	w := browse(h, "POST", "/racks/demo/check", nil)
	if w.Code != 303 || w.Header().Get("Location") != "/racks/demo/runs/2?state=changed" {
		t.Fatalf("the check: %d, to %q", w.Code, w.Header().Get("Location"))
	}
	if w := browse(h, "POST", "/racks/demo/apply", nil); w.Code != 409 || !strings.Contains(w.Body.String(), "is not installed") {
		t.Errorf("an apply beside it: %d", w.Code)
	}
	m.SetStep(2, "controller-1/environment/hosts", func(s *inventory.Step) { s.State, s.Changed = inventory.StepDone, true })
	m.SetRun(2, func(r *inventory.Run) {
		r.State, r.Reason = inventory.RunDone, "1 of 1 differ: controller-1/environment/hosts"
	})
	w = browse(h, "GET", "/racks/demo/runs/2", nil)
	for _, want := range []string{"1 of 1 differ: controller-1/environment/hosts", "Make it as the plan says", `action="/racks/demo/apply"`} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("the check's page lacks %q", want)
		}
	}
	if w := browse(h, "POST", "/racks/demo/apply", nil); w.Code != 303 || w.Header().Get("Location") != "/racks/demo/runs/3" {
		t.Errorf("the apply: %d, to %q: %s", w.Code, w.Header().Get("Location"), w.Body)
	}
	m.SetRun(3, func(r *inventory.Run) { r.State = inventory.RunDone })
	h = pagesFor(m, inventory.Admin)
	if w := browse(h, "POST", "/racks/demo/rotate", url.Values{"name": {"dmeo"}}); w.Code != 422 || !strings.Contains(w.Body.String(), "confirm with the rack") {
		t.Errorf("new passwords of another rack: %d: %s", w.Code, w.Body)
	}
	if w := browse(h, "POST", "/racks/demo/rotate", url.Values{"name": {"demo"}}); w.Code != 303 || w.Header().Get("Location") != "/racks/demo/runs/4" {
		t.Errorf("new passwords: %d, to %q: %s", w.Code, w.Header().Get("Location"), w.Body)
	}
}
