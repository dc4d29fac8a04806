package e2e

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sandai/images"
	"sandai/inventory"
	"sandai/lab"
	"sandai/lab/standin"
)

// limit is for what takes seconds; it is generous, because the machine that
// runs the tests may be busy.
const limit = 5 * time.Minute

// standInImages fills a store with random bytes under every image's name: a
// stand-in fetches them and drops them.
func standInImages(t *testing.T) (cache string) {
	t.Helper()
	cache = t.TempDir()
	s, err := images.OpenStore(filepath.Join(cache, "store"))
	if err != nil {
		t.Fatal(err)
	}
	noise := rand.NewChaCha8([32]byte{})
	for _, name := range []string{"base", "role-controller", "role-network", "role-compute", images.NameKernel, images.NameRamdisk,
		"undionly.kpxe", "ipxe.efi", "guest-tiny", "guest-debian"} {
		data := make([]byte, 200<<10)
		_, _ = noise.Read(data) // never fails
		if _, err := s.Put(t.Context(), inventory.Image{Name: name, Format: "file", Key: name, Built: time.Now()}, bytes.NewReader(data)); err != nil {
			t.Fatal(err)
		}
	}
	return cache
}

// plainRack is a rack of stand-ins with an appliance that has installed
// Debian on them.
func plainRack(t *testing.T) *rig {
	t.Helper()
	r := newStandIns(t, 0)
	r.serve()
	r.cli("rack", "import", r.plainDebian())
	r.cli("rack", "install")
	if run := r.runEnds(); run.State != inventory.RunDone {
		t.Fatalf("the install is %s: %s", run.State, run.Reason)
	}
	return r
}

// newStandIns is a rack of stand-ins as the guide wants it, with newcomers.
func newStandIns(t *testing.T, newcomers int) *rig {
	t.Helper()
	needRoot(t)
	return newRig(t, standInImages(t), lab.StandIns(lab.DefaultMachines(), newcomers))
}

// knobs turns a machine's knobs.
func (r *rig) knobs(machine string, steps ...standin.Knob) {
	r.Helper()
	if err := r.rack.Knobs(machine, standin.Knobs{Steps: steps}); err != nil {
		r.Fatal(err)
	}
}

// TestStandIns installs plain Debian on three stand-ins, with the appliance
// killed in the middle, and looks at what is left.
func TestStandIns(t *testing.T) {
	r := newStandIns(t, 1)
	// One write goes on until it is told to end: the appliance is killed while
	// it runs, whatever the speed of this host.
	r.knobs("compute-1", standin.Knob{Step: "compute-1/write/write", Hang: true})
	r.serve()
	r.cli("rack", "import", r.plainDebian())
	r.cli("rack", "install")
	r.until("all but one write is done", limit, func(s steps) bool {
		return s["compute-1/write/write"].State == inventory.StepRunning && s["controller-1/boot/boot"].State == inventory.StepDone
	})
	r.kill()
	r.knobs("compute-1")
	r.serve()
	r.until("every step is done", limit, func(s steps) bool {
		for _, v := range s {
			if v.State != inventory.StepDone {
				return false
			}
		}
		return true
	})
	r.oncePerStep()
	r.nothingToDo()

	for _, n := range r.rackState().Nodes {
		switch {
		case strings.HasPrefix(n.Name, "new-"), n.Role == "":
			// It is looked at in the ramdisk once; the rack may be done before that ends.
			if n.State != inventory.Discovered && n.State != inventory.Inspected || n.Role != "" {
				t.Errorf("the newcomer %s is %s", n.Name, n.State)
			}
		case n.State != inventory.Active || n.Hardware == nil || n.Hardware.Product != "Sandai Stand-in":
			t.Errorf("%s is %s, its hardware %+v", n.Name, n.State, n.Hardware)
		}
	}
	r.noSecrets()
	r.wait("the newcomer is inspected", limit, func() bool {
		for _, n := range r.rackState().Nodes {
			if n.Role == "" && (n.State != inventory.Inspected || n.Hardware == nil || len(n.Hardware.Disks) == 0) {
				return false
			}
		}
		return true
	})

	// What was installed starts again from its disk, and answers.
	before := r.nodeNamed("compute-1").LastSeen
	r.cli("node", "power", "compute-1", "cycle")
	r.wait("the machine comes back from its own disk", limit, func() bool {
		return strings.Count(r.console(), "in place of the installed system of compute-1") == 2 && r.nodeNamed("compute-1").LastSeen.After(before)
	})
}

// TestStandInFails: a disk with something on it is not erased unasked; a step
// that fails stops the run with its reason, and a resume goes on with it.
func TestStandInFails(t *testing.T) {
	r := newStandIns(t, 0)
	if err := r.rack.Disks("compute-1", map[string]standin.Content{"SYS-compute-1": {Contents: []string{"gpt", "partition 1 data ext4 photos"}}}); err != nil {
		t.Fatal(err)
	}
	r.serve()
	r.cli("rack", "import", r.plainDebian())
	r.cli("rack", "install")
	run := r.runEnds()
	if s := r.stepsOf(run)["compute-1/wipe/wipe"]; s.State != inventory.StepFailed || !strings.Contains(s.Reason, "partition 1 data ext4 photos") {
		t.Fatalf("the wipe of a disk with something on it: %s, %q", s.State, s.Reason)
	}

	r.knobs("network-1", standin.Knob{Step: "*/seed/seed", Fail: 1, Reason: "the disk is full"})
	r.cli("rack", "install", "--erase", r.rack.Name())
	run = r.runEnds()
	if s := r.stepsOf(run)["network-1/seed/seed"]; run.State != inventory.RunFailed || s.State != inventory.StepFailed || s.Reason != "the disk is full" {
		t.Fatalf("the run is %s (%s), its seed %s, %q", run.State, run.Reason, s.State, s.Reason)
	}
	if n := r.nodeNamed("network-1"); n.State != inventory.Failed {
		t.Errorf("network-1 is %s after its step failed", n.State)
	}

	r.cli("rack", "install")
	run = r.runEnds()
	if s := r.stepsOf(run)["network-1/seed/seed"]; run.State != inventory.RunDone || s.Attempt != 2 {
		t.Errorf("the resumed run ended as %s (%s), the seed's attempt is %d", run.State, run.Reason, s.Attempt)
	}
	for _, n := range r.rackState().Nodes {
		if n.State != inventory.Active {
			t.Errorf("%s is %s", n.Name, n.State)
		}
	}
	// What is on the disk now was looked at when its system had been written.
	if d := r.nodeNamed("compute-1").Hardware.Disks; len(d) != 1 || len(d[0].Contents) != 4 || !strings.Contains(d[0].Contents[3], "sandai-") {
		t.Errorf("compute-1's disks as inspected: %+v", d)
	}
}

// runs lists the rack's runs, the newest first.
func (r *rig) runs() (out []inventory.Run) {
	r.get("racks/"+r.rack.Name()+"/runs", &out)
	return out
}

// runEnds waits until the newest run is over.
func (r *rig) runEnds() inventory.Run {
	r.Helper()
	return r.runEndsWithin(limit)
}

func (r *rig) runEndsWithin(limit time.Duration) (run inventory.Run) {
	r.Helper()
	r.wait("the run ends", limit, func() bool {
		run = r.runs()[0]
		return run.State != inventory.RunActive
	})
	return run
}

func (r *rig) stepsOf(run inventory.Run) steps {
	var list []inventory.Step
	r.get(fmt.Sprintf("runs/%d/steps", run.ID), &list)
	out := steps{}
	for _, s := range list {
		out[s.Key] = s
	}
	return out
}

func (r *rig) nodeNamed(name string) inventory.Node {
	r.Helper()
	for _, n := range r.rackState().Nodes {
		if n.Name == name {
			return n
		}
	}
	r.Fatalf("there is no node %s", name)
	return inventory.Node{}
}
