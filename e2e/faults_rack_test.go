package e2e

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"sandai/inventory"
)

var seed = flag.Uint64("seed", 1, "picks the steps that TestRackFaults kills the appliance at")

// kills is how often TestRackFaults kills the appliance.
const kills = 10

// TestRackFaults installs a cloud on a rack of virtual machines, through faults: the
// appliance is killed at ten steps of the plan that a seed picks, and nodes lose their
// power while the image is written, at the first boot and in a guide step. The cloud
// proves itself all the same, and no finished step runs twice.
func TestRackFaults(t *testing.T) {
	if *stateDir == "" || *pictures != "" {
		t.Skip("a whole cloud takes a quarter of an hour at least: make rack-faults")
	}
	needRoot(t)
	f := &struck{rig: rigOf(t, *stateDir)}
	if f.tryGet("racks", &[]inventory.Rack{}) == nil {
		t.Fatal("an appliance serves this rack already: make rack-down first")
	}
	f.serve()
	f.cli("rack", "import", f.rack.File())
	f.cli("rack", "install")
	f.pick()
	f.wait("every fault has happened, and the run is over", fullLimit, f.strike)
	if run := f.runs()[0]; run.State != inventory.RunDone {
		t.Fatalf("the run is %s: %s", run.State, run.Reason)
	}
	for _, c := range f.cuts {
		if c.row.Seen == "" {
			t.Errorf("it did not happen: %s", c.row.Fault)
		}
		f.rows = append(f.rows, c.row)
	}
	if len(f.at) > 0 {
		t.Errorf("the appliance was not killed at %v", f.at)
	}
	f.once()
	f.noSecrets()
	if *faultsTo != "" {
		f.write()
	}
	printRows(f.rows)
}

// struck is a rack that faults happen to.
type struck struct {
	*rig
	at   []string // the steps at which the appliance is still to be killed
	cuts []*powerCut
	rows []faultRow
}

// powerCut takes a node's power away in a step.
type powerCut struct {
	step  string
	says  string // part of the event that tells of it
	began time.Time
	row   faultRow
}

// pick chooses where the faults happen.
func (f *struck) pick() {
	all := f.steps()
	keys := slices.SortedFunc(maps.Keys(all), func(a, b string) int { return all[a].Seq - all[b].Seq })
	for _, i := range rand.New(rand.NewPCG(*seed, 0)).Perm(len(keys))[:kills] {
		f.at = append(f.at, keys[i])
	}
	for _, c := range []powerCut{
		{step: "compute-1/write/write", says: "its installation begins again", row: faultRow{Fault: "a node's power is cut while its image is written"}},
		{step: "network-1/boot/boot", says: "its installation begins again", row: faultRow{Fault: "a node's power is cut at its first boot"}},
		{step: "compute-1/compute/compute.service", says: "it is powered on again", row: faultRow{Fault: "a node's power is cut in a guide step"}},
	} {
		if all[c.step].Key == "" {
			f.Fatalf("the plan has no step %s", c.step)
		}
		f.cuts = append(f.cuts, &c)
	}
	f.Logf("seed %d: the appliance is killed at %s", *seed, strings.Join(f.at, ", "))
}

// strike looks once at where the run stands and has the faults happen that are due;
// it is true when the run is over.
func (f *struck) strike() bool {
	now := f.steps()
	for _, c := range f.cuts {
		switch state := now[c.step].State; {
		case c.began.IsZero() && state == inventory.StepRunning:
			if err := f.rack.CutPower(now[c.step].Node); err != nil {
				f.Fatal(err)
			}
			c.began = time.Now()
			f.Logf("the power is cut in %s", c.step)
		case !c.began.IsZero() && c.row.Seen == "" && state == inventory.StepDone:
			c.row.Ended, c.row.Seconds = mended, time.Since(c.began).Seconds()
			for _, e := range f.events() {
				if e.Type == inventory.EventPower && e.Node == now[c.step].Node && strings.Contains(e.Text, c.says) {
					c.row.Seen = e.Text
				}
			}
		}
	}
	i := slices.IndexFunc(f.at, func(key string) bool {
		s := now[key].State
		return s == inventory.StepRunning || s == inventory.StepDone
	})
	if i >= 0 {
		f.killAt(f.at[i])
		f.at = slices.Delete(f.at, i, i+1)
		return false
	}
	return f.runs()[0].State != inventory.RunActive
}

// killAt kills the appliance, and starts it again; the row's time is until it serves.
func (f *struck) killAt(step string) {
	began := time.Now()
	f.kill()
	f.serve()
	f.rows = append(f.rows, faultRow{Fault: fmt.Sprintf("the appliance is killed at %s (seed %d)", step, *seed), Seen: "the run goes on",
		Ended: mended, Seconds: time.Since(began).Seconds()})
}

// once checks that no finished step ran twice, but for the phases of a node that lost
// its power in one of them.
func (f *struck) once() {
	done := f.timesDone()
	boot := map[string]int{} // the place of each node's last phase in the plan
	all := f.steps()
	for _, n := range f.rackState().Nodes {
		boot[n.Name] = all[n.Name+"/boot/boot"].Seq
	}
	for key, s := range all {
		again := s.Seq <= boot[s.Node] && slices.ContainsFunc(f.cuts, func(c *powerCut) bool { return strings.HasPrefix(c.step, s.Node+"/") })
		if done[key] != 1 && !again {
			f.Errorf("%s was done %d times", key, done[key])
		}
	}
}

// write puts the rows into the table, in the place of an earlier run's.
func (f *struck) write() {
	for i := range f.rows {
		f.rows[i].Fault = onMachines + f.rows[i].Fault
	}
	writeRows(f.T, f.rows, true)
}
