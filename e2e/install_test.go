package e2e

import (
	"os"
	"path/filepath"
	"strings"

	"sandai/inventory"
	"sandai/lab/standin"
)

// preview looks at what an install would do, and is refused twice.
func (s *story) preview(b *browser) {
	b.open(s.url())
	b.follow("a.button", "Install rack", s.url()+"/preview")
	b.see("What will be lost")
	b.has(".lost article", "SYS-compute-1")
	b.accessible("the preview")

	b.excuse(`4\d\d.*/install`)
	b.fill("#confirm-name", "another")
	b.click("#confirm-form button.danger", "")
	b.see("that is not the rack's name")
	b.accessible("the preview, refused")

	// The plan changes behind the back of who confirms.
	b.open(s.url() + "/preview")
	s.cli("rack", "import", s.changedRack())
	b.fill("#confirm-name", s.rack.Name())
	b.click("#confirm-form button.danger", "")
	b.see("it has changed since you looked")
	if n := len(s.runs()); n != 0 {
		b.Errorf("there are %d runs after two refusals", n)
	}
}

// changedRack is the rack's file with another ssh key.
func (s *story) changedRack() string {
	s.Helper()
	text, err := os.ReadFile(s.plainDebian())
	if err != nil {
		s.Fatal(err)
	}
	path := filepath.Join(s.dir, "changed.yaml")
	if err := os.WriteFile(path, []byte(strings.Replace(string(text), " lab\n", " changed\n", 1)), 0o600); err != nil {
		s.Fatal(err)
	}
	return path
}

// inspect has the servers looked at before anything is written to them.
func (s *story) inspect(b *browser) {
	b.open(s.url() + "/preview")
	b.has(".lost article", "not known")
	b.click("button", "Inspect first")
	b.wait("all servers have been looked at", func() bool {
		for _, n := range s.rackState().Nodes {
			if n.Role != "" && n.Hardware == nil {
				return false
			}
		}
		return true
	})
	b.open(s.url() + "/preview")
	b.hasNot(".lost article", "not known")
	b.has(".lost article", "Sandai Stand-in disk")
	b.accessible("the preview of servers that are known")
}

// install confirms, and watches until a step fails.
func (s *story) install(b *browser) {
	s.knobs("compute-1", standin.Knob{Step: "*/write/write", Hang: true}, standin.Knob{Step: "*/seed/seed", Fail: 1, Reason: "the disk is full"})
	s.wait("no run is under way", limit, func() bool {
		return len(s.runs()) == 0 || s.runs()[0].State != inventory.RunActive
	})
	b.open(s.url() + "/preview")
	b.fill("#confirm-name", s.rack.Name())
	b.click("#confirm-form button.danger", "")
	b.at(s.url() + "(/runs/\\d+)?.*")
	b.open(s.url())
	b.has("[data-units] li", "deploying")
	// One write goes on as long as it is to be looked at.
	b.has(".nowtable tr", "write")
	b.accessible("the rack while it is installed")
	run := s.runs()[0]
	b.open(s.url() + "/runs")
	b.accessible("the runs")
	b.follow("main a", "1", ".*/runs/\\d+")
	if run.Kind != inventory.RunInstall {
		b.Errorf("the newest run is of the kind %q", run.Kind)
	}
	b.open(s.runURL(run) + "?step=compute-1/write/write")
	b.has("#step", "compute-1/write/write")
	b.accessible("the run with a step open")
	s.knobs("compute-1", standin.Knob{Step: "*/seed/seed", Fail: 1, Reason: "the disk is full"})
	b.has("#step", "done") // by itself
}

func (s *story) runURL(run inventory.Run) string { return s.url() + "/runs/" + itoa(run.ID) }

// retry meets a step that failed, reads why, and tries it again.
func (s *story) retry(b *browser) {
	b.open(s.url())
	b.has("article.bad", "compute-1/seed/seed")
	b.has("article.bad", "the disk is full")
	b.accessible("the rack with a failed step")
	b.follow("article.bad a.button", "Look at the step", ".*step=.*")
	b.has("#step.bad", "the disk is full")
	b.accessible("the run with a failed step")
	b.click("#step button.primary", "Try again")
	b.has("#step", "done")
	b.until("it was the second attempt", `[...document.querySelectorAll("#step dt")].some((e) => e.textContent === "Attempt" && e.nextElementSibling.textContent === "2")`)
}

// done is the rack after its install.
func (s *story) done(b *browser) {
	b.open(s.url())
	for _, n := range []string{"controller-1", "network-1", "compute-1"} {
		b.until(n+" is active", `[...document.querySelectorAll("[data-units] li")].some((e) => e.dataset.node === "`+n+`" && e.textContent.includes("active"))`)
	}
	run := s.runs()[0]
	if run.State != inventory.RunDone {
		b.Fatalf("the run is %s: %s", run.State, run.Reason)
	}
	b.accessible("the installed rack")
	b.open(s.runURL(run))
	b.accessible("the run that is done")
	b.open(s.url() + "?node=controller-1&tab=facts")
	b.has("[data-drawer]", "Sandai Stand-in")
	b.accessible("the facts")
}
