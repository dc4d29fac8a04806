package web

import (
	"net/url"
	"strings"
	"testing"

	"sandai/inventory"
	"sandai/web/webtest"
)

// looked is a rack whose nodes have been inspected; the controller's disk is in use.
func inspected() inventory.Rack {
	r := webtest.Rack("demo")
	for i := range r.Nodes {
		n := &r.Nodes[i]
		n.Hardware = &inventory.Hardware{Cores: 8, MemoryMB: 32768, Virt: "svm", BootMode: "bios",
			Disks: []inventory.DiskInfo{{Name: "/dev/sda", Serial: n.SystemDisk, Bytes: 960e9}},
			NICs:  []inventory.NICInfo{{Name: "eth0", MAC: n.MAC(inventory.Provisioning), Link: true}, {Name: "eth1", MAC: n.MAC(inventory.Provider), Link: true}}}
	}
	r.Nodes[0].Hardware.Disks[0].Contents = []string{"gpt", "partition 1 ext4 root"}
	return r
}

func TestPreviewIsShown(t *testing.T) {
	m := webtest.New()
	m.AddRack(inspected())
	w := browse(pagesFor(m, inventory.Operator), "GET", "/racks/demo/preview", nil)
	for _, want := range []string{"SYS-controller-1", "partition 1 ext4 root", "erase 3 disks", "10.77.0.13"} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("%d, without %q", w.Code, want)
		}
	}
	if w := browse(pagesFor(m, inventory.Viewer), "GET", "/racks/demo/preview", nil); w.Code != 200 || strings.Contains(w.Body.String(), "confirm-form") {
		t.Errorf("a viewer: %d %s", w.Code, w.Body)
	}
	if w := browse(pagesFor(m, inventory.Viewer), "GET", "/racks/x/preview", nil); w.Code != 404 {
		t.Errorf("no such rack: %d", w.Code)
	}
}

// TestInstallWantsAll: nothing starts unless the name was typed, the loss was
// consented to, and everything is as it was shown.
func TestInstallWantsAll(t *testing.T) {
	for name, c := range map[string]struct {
		role   inventory.UserRole
		form   url.Values // the hash is put in where there is none
		change func(m *webtest.Memory)
		status int
		holds  string
	}{
		"all":        {inventory.Operator, url.Values{"name": {"demo"}, "erase": {"yes"}}, nil, 303, ""},
		"wrong name": {inventory.Operator, url.Values{"name": {"dmeo"}, "erase": {"yes"}}, nil, 422, "is not the rack&#39;s name"},
		"no consent": {inventory.Operator, url.Values{"name": {"demo"}}, nil, 422, "tick that it may be erased"},
		"viewer":     {inventory.Viewer, url.Values{"name": {"demo"}, "erase": {"yes"}}, nil, 403, ""},
		"no hash":    {inventory.Operator, url.Values{"name": {"demo"}, "erase": {"yes"}, "hash": {""}}, nil, 409, "Nothing was started"},
		"disk changed": {inventory.Operator, url.Values{"name": {"demo"}, "erase": {"yes"}}, func(m *webtest.Memory) {
			m.SetNode("demo", "compute-1", func(n *inventory.Node) { n.Hardware.Disks[0].Contents = []string{"ext4 photos"} })
		}, 409, "there was blank and is ext4 photos"},
		"role changed": {inventory.Operator, url.Values{"name": {"demo"}, "erase": {"yes"}}, func(m *webtest.Memory) {
			m.SetNode("demo", "compute-1", func(n *inventory.Node) { n.Role = inventory.NetworkRole })
		}, 409, "the role was compute and is network"},
		"not installable": {inventory.Operator, url.Values{"name": {"demo"}, "erase": {"yes"}, "hash": {"now"}}, func(m *webtest.Memory) { m.SetNode("demo", "compute-1", func(n *inventory.Node) { n.BMC = nil }) }, 422, "the install would fail"},
	} {
		t.Run(name, func(t *testing.T) {
			m := webtest.New()
			m.AddRack(inspected())
			h := pagesFor(m, c.role)
			browse(h, "GET", "/racks/demo/preview", nil)
			p, _ := m.Preview(t.Context(), "demo")
			if c.change != nil {
				c.change(m)
			}
			switch {
			case c.form["hash"] == nil:
				c.form.Set("hash", p.Hash)
			case c.form.Get("hash") == "now":
				p, _ = m.Preview(t.Context(), "demo")
				c.form.Set("hash", p.Hash)
			}
			w := browse(h, "POST", "/racks/demo/install", c.form)
			if w.Code != c.status || !strings.Contains(w.Body.String(), c.holds) {
				t.Errorf("%d, want %d with %q: %s", w.Code, c.status, c.holds, w.Body)
			}
			runs, _ := m.Runs(t.Context(), 1)
			if started := len(runs) > 0; started != (c.status == 303) {
				t.Errorf("%d runs", len(runs))
			}
			if c.status == 303 && w.Header().Get("Location") != "/racks/demo/runs/1" {
				t.Errorf("led to %s", w.Header().Get("Location"))
			}
		})
	}
}

// TestInstallAgain: a rack that is installed is erased only with consent.
func TestInstallAgain(t *testing.T) {
	m := webtest.New()
	m.AddRack(webtest.Rack("demo"))
	m.AddRun(inventory.Run{RackID: 1, Rack: "demo", State: inventory.RunDone, Created: webtest.T0, Ended: webtest.At(80), Attempt: 1}, webtest.Steps())
	h := pagesFor(m, inventory.Operator)
	p, err := m.Preview(t.Context(), "demo")
	if err != nil {
		t.Fatal(err)
	}
	form := url.Values{"hash": {p.Hash}, "name": {"demo"}}
	if w := browse(h, "POST", "/racks/demo/install", form); w.Code != 422 || !strings.Contains(w.Body.String(), "was installed by run 1") {
		t.Errorf("without consent: %d %s", w.Code, w.Body)
	}
	form.Set("erase", "yes")
	if w := browse(h, "POST", "/racks/demo/install", form); w.Code != 303 || w.Header().Get("Location") != "/racks/demo/runs/2" {
		t.Errorf("with consent: %d %v", w.Code, w.Header())
	}
	if w := browse(h, "POST", "/racks/demo/install", form); w.Code != 409 || !strings.Contains(w.Body.String(), "under way") {
		t.Errorf("while it runs: %d", w.Code)
	}
}

func TestInspectFirst(t *testing.T) {
	m := webtest.New()
	r := webtest.Rack("demo")
	r.Nodes[2].BMC = nil
	m.AddRack(r)
	if w := browse(pagesFor(m, inventory.Viewer), "POST", "/racks/demo/inspect", url.Values{}); w.Code != 403 {
		t.Errorf("a viewer: %d", w.Code)
	}
	h := pagesFor(m, inventory.Operator)
	if w := browse(h, "POST", "/racks/demo/inspect", url.Values{"node": {"controller-1"}}); w.Code != 303 || w.Header().Get("Location") != "/racks/demo/runs/1" {
		t.Errorf("one with a BMC: %d %s", w.Code, w.Body)
	}
	m.SetRun(1, func(r *inventory.Run) { r.State = inventory.RunDone })
	if w := browse(h, "POST", "/racks/demo/inspect", url.Values{"node": {"compute-1"}}); w.Code != 200 || !strings.Contains(w.Body.String(), "Switch it on by hand") {
		t.Errorf("one without: %d %s", w.Code, w.Body)
	}
}
