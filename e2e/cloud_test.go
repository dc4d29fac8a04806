package e2e

import (
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"sandai/inventory"
	"sandai/lab"
)

// fullLimit is for a whole install without KVM on a busy host.
const fullLimit = 140 * time.Minute

// TestRackFromPage turns blank machines into a cloud by the page alone: a
// rack.yaml handed in, the preview confirmed, the install watched, and the cloud
// looked at when it has proved itself. The rack and its appliance are there
// already, and stay.
func TestRackFromPage(t *testing.T) {
	if *stateDir == "" || *pictures != "" {
		t.Skip("a whole cloud takes a quarter of an hour at least: make rack-from-page")
	}
	needRoot(t)
	s := &story{rig: rigOf(t, *stateDir)}
	var racks []inventory.Rack
	if s.get("racks", &racks); len(racks) != 0 {
		t.Fatalf("the appliance has the rack %s already: make rack-down first", racks[0].Name)
	}
	b := newBrowser(t, s.rack.URL())
	for _, part := range []struct {
		name string
		f    func(*browser)
	}{
		{"import", s.importRack},
		{"install", s.installCloud},
		{"cloud", s.seeCloud},
		{"secrets", s.seeSecrets},
	} {
		if !s.part(t, b, part.name, part.f) {
			return
		}
	}
}

// rigOf is the virtual rack in dir with the appliance that serves it, as make rack
// has them.
func rigOf(t *testing.T, dir string) *rig {
	t.Helper()
	rack, err := lab.Open(dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	bin, err := filepath.Abs(filepath.Join("..", "bin"))
	if err != nil {
		t.Fatal(err)
	}
	return &rig{T: t, rack: rack, dir: dir, bin: bin, cache: cache()}
}

func (s *story) importRack(b *browser) {
	b.firstUser(s.rig)
	b.open("/first")
	b.upload("#file", s.rack.File())
	b.follow("#file-form button", "", s.url())
	for _, n := range s.rackState().Nodes {
		b.has("[data-units] li", n.Name)
	}
}

// installCloud presses the button, and watches what the page says until the
// install is over.
func (s *story) installCloud(b *browser) {
	b.follow("a.button", "Install rack", s.url()+"/preview")
	b.fill("#confirm-name", s.rack.Name())
	b.follow("#confirm-form button.danger", "", s.url()+".*")
	b.has(".status", "Installing")
	b.open(s.url())
	said := ""
	s.wait("the page says that the install is over", fullLimit, func() bool {
		now, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](`document.querySelector(".status:not(.gone-note) b").textContent.trim()`))
		if err == nil && now != said {
			said = now
			s.Logf("the page says: %s", now)
		}
		return strings.Contains(said, "Installed") || strings.Contains(said, "Failed")
	})
	run := s.runs()[0]
	if !strings.Contains(said, "Installed") || run.State != inventory.RunDone {
		b.fatal("the install ended as %s: %s", run.State, run.Reason)
	}
	for _, n := range s.rackState().Nodes {
		b.has(`[data-units] li[data-node="`+n.Name+`"]`, "active")
	}
	s.Logf("installed in %s by %d steps", run.Ended.Sub(run.Created).Round(time.Second), len(s.stepsOf(run)))
}

// seeCloud: the proof passed, every service is well, and the way of the proof's
// server was seen.
func (s *story) seeCloud(b *browser) {
	b.open(s.url() + "/cloud")
	b.see("checks passed")
	b.hasNot("main", "were not run")
	b.has(".services h2 + .good", "nothing wrong")
	b.has(".journey", "steps were seen")
	b.accessible("the cloud")
	seen, err := eval[int](b, `document.querySelectorAll(".journey tr[data-step]:not(.unseen)").length`)
	if err != nil || seen < 15 {
		b.Errorf("of the boot journey %d steps were seen (%v)", seen, err)
	}
	s.Logf("of the boot journey %d steps were seen", seen)
	b.open(s.runURL(s.runs()[0]))
	b.accessible("the run of a whole cloud")
}

// seeSecrets: the administrator's password is shown to who asks for it, and the
// look is in the audit log.
func (s *story) seeSecrets(b *browser) {
	b.open(s.url() + "/cloud")
	b.click(".account button", "Show the password")
	b.has(".account .shown", "Shown once")
	shown, err := eval[string](b, `document.querySelector(".account .shown pre").textContent`)
	if err != nil || len(shown) < 12 {
		b.Errorf("the password that is shown has %d characters (%v)", len(shown), err)
	}
	b.open("/settings/audit")
	b.see("Show one secret of the cloud")
	s.noSecrets()
	s.Logf("the page is %s: user admin, password %q", s.rack.URL(), password)
}
